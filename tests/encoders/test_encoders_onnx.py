"""The serving encoder and the reference encoder equal sentence-transformers, text by text."""

import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from model_variants import VARIANTS, WORDS
from semtune.encoders.batching import by_length
from semtune.encoders.graph import open_graph_encoder
from semtune.encoders.onnx import OnnxRunner, open_onnx
from semtune.encoders.tokenizer import Tokenizer
from semtune.encoders.torch import TorchEncoder
from semtune.errors import ContractError, ModelError

LENGTHS = (1, 2, 3, 5, 8, 13, 30, 45, 46, 47, 60, 61, 62, 63, 64, 100, 400)
TEXTS = [
    "", "   ", *(" ".join(WORDS[7 * n : 8 * n]) for n in LENGTHS), "日本語のテキスト", "naïve café — “quotes” 😀 e\u0301",
    "line one\nline two\ttab\u00a0nbsp\u2028end", "UPPER lower MiXeD", "x" * 300, "ΟΔΟΣ İstanbul STRASSE",
    "a [SEP] b [MASK] c </s> D <MASK>",
]  # fmt: skip


@pytest.fixture(scope="session")
def encoder(exported):
    """Name of a variant → the one ONNX encoder of it that all tests share."""
    made = {}
    return lambda name: made.setdefault(name, made.get(name) or open_onnx(exported(name).folder))


@pytest.fixture(scope="session")
def reference(exported):
    """Name of a variant, role → the texts' vectors as sentence-transformers gives them."""
    models = {}

    def encode(name, role, texts):
        variant = exported(name)
        if name not in models:
            models[name] = SentenceTransformer(str(variant.source), device="cpu")
        asked = models[name].encode_query if role == "query" else models[name].encode_document
        return asked(texts, normalize_embeddings=variant.contract.similarity == "cosine", batch_size=4)

    return encode


@pytest.mark.parametrize("role", ["query", "document"])
@pytest.mark.parametrize("name", VARIANTS)
def test_onnx_equals_sentence_transformers(encoder, reference, name, role):
    made = encoder(name).encode(TEXTS, role)
    assert made.vectors.dtype == np.float32
    np.testing.assert_allclose(made.vectors, reference(name, role, TEXTS), atol=1e-5)


@pytest.mark.parametrize("name", VARIANTS)
def test_torch_equals_sentence_transformers_and_counts_as_onnx_does(exported, encoder, reference, name):
    torch_encoder = TorchEncoder.load(exported(name).source)
    for role in ("query", "document"):
        made, served = torch_encoder.encode(TEXTS, role), encoder(name).encode(TEXTS, role)
        np.testing.assert_allclose(made.vectors, reference(name, role, TEXTS), atol=1e-5)
        assert (made.tokens, made.truncated) == (served.tokens, served.truncated)


def test_the_variants_are_what_they_say(encoder, reference):
    contracts = {name: encoder(name).contract for name in VARIANTS}
    assert {n: (c.pooling, c.normalize, c.dimension, c.max_length) for n, c in contracts.items()} == {
        "mean": ("mean", True, 32, 64), "cls": ("cls", False, 32, 64), "dense": ("mean", True, 24, 64),
        "roberta": ("mean", True, 32, 48),
    }  # fmt: skip
    differs = {n: np.abs(reference(n, "query", TEXTS) - reference(n, "document", TEXTS)).max() > 0.01 for n in VARIANTS}
    assert differs == {"mean": False, "cls": False, "dense": True, "roberta": True}


def test_tokens_and_truncated_texts_are_counted(encoder):
    # Words of the vocabulary are a token each; [CLS] and [SEP] make 62 words the most that fit into 64.
    texts = ["kettle " * n for n in (0, 1, 61, 62, 63, 64, 500)]
    made = encoder("mean").encode(texts)
    assert (made.tokens, made.truncated) == (2 + 3 + 63 + 64 * 4, 3)
    assert encoder("mean").encode(["kettle " * 62]).truncated == 0
    np.testing.assert_allclose(made.vectors[4:], made.vectors[[3, 3, 3]], atol=1e-6)  # what is cut does not count


def test_the_prompt_takes_its_share_of_the_length(encoder):
    room = 64 - 2 - 4  # "ask the seller :"
    assert encoder("dense").encode(["kettle " * room], "query").truncated == 0
    assert encoder("dense").encode(["kettle " * (room + 1)], "query").truncated == 1
    assert encoder("dense").encode(["kettle " * (room + 2)], "document").truncated == 0  # "all about"


@pytest.mark.parametrize("name", ["mean", "roberta"])
def test_a_vector_does_not_depend_on_its_batch_mates_or_the_batch_size(encoder, name, monkeypatch):
    together = encoder(name).encode(TEXTS).vectors
    alone = np.concatenate([encoder(name).encode([text]).vectors for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    turned = encoder(name).encode(TEXTS[::-1]).vectors
    np.testing.assert_allclose(turned[::-1], together, atol=1e-6)
    many = encoder(name).encode([*TEXTS, *(f"{text} {n}" for n in range(20) for text in TEXTS)]).vectors
    np.testing.assert_allclose(many[: len(TEXTS)], together, atol=1e-6)
    monkeypatch.setattr("semtune.encoders.graph.by_length", lambda lengths, _: by_length(lengths, 100, 3))
    np.testing.assert_allclose(encoder(name).encode(TEXTS).vectors, together, atol=1e-6)


def test_no_texts_make_no_vectors(exported, encoder):
    for one in (encoder("dense"), TorchEncoder.load(exported("dense").source)):
        made = one.encode([])
        assert (made.vectors.shape, made.vectors.dtype, made.tokens, made.truncated) == ((0, 24), np.float32, 0, 0)


@pytest.mark.parametrize("name", ["mean", "roberta"])
def test_many_threads_get_the_same_vectors(encoder, name):
    shared = encoder(name)
    want = {role: shared.encode(TEXTS, role) for role in ("query", "document")}
    wrong: list[object] = []
    start = threading.Barrier(12)

    def work(number):
        rng = np.random.default_rng(number)
        start.wait()
        try:
            for _ in range(4):
                role = ("query", "document")[int(rng.integers(2))]
                picked = rng.permutation(len(TEXTS))[: int(rng.integers(1, len(TEXTS)))]
                made = shared.encode([TEXTS[i] for i in picked], role).vectors
                np.testing.assert_allclose(made, want[role].vectors[picked], atol=1e-6)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_progress_counts_every_text_once(encoder):
    from contextlib import contextmanager

    class Counter:
        def __init__(self):
            self.seen = []

        @contextmanager
        def track(self, task, total=None):
            self.task, self.total = task, total
            yield self.seen.append

        def say(self, message):
            raise AssertionError(message)

    counter = Counter()
    encoder("mean").encode(TEXTS, progress=counter)
    assert (counter.task, counter.total, sum(counter.seen)) == ("encode", len(TEXTS), len(TEXTS))


@pytest.mark.parametrize("name", VARIANTS)
def test_the_tokenizer_equals_that_of_sentence_transformers(exported, name):
    variant = exported(name)
    ours = Tokenizer(variant.folder, variant.contract)
    model = SentenceTransformer(str(variant.source), device="cpu")
    for role in ("query", "document"):
        prompted = [model.prompts.get(role, "") + text for text in TEXTS]
        whole = model.tokenizer(prompted, verbose=False)["input_ids"]
        cut = model.tokenizer(prompted, truncation=True, max_length=variant.contract.max_length)["input_ids"]
        made = ours.encode(TEXTS, role)
        assert made.ids == cut
        assert ours.lengths(TEXTS, role) == [len(ids) for ids in whole]
        assert made.truncated == sum(len(ids) > variant.contract.max_length for ids in whole) > 3
    assert ours.special_tokens == 2


def test_token_ids_become_text_again(encoder, exported):
    tokens = Tokenizer(exported("roberta").folder, encoder("roberta").contract).encode(["Mend it, slowly"], "document")
    assert encoder("roberta").decode(tokens.ids[0]) == "mend it, slowly"


def test_lengths_and_padding_in_the_tokenizer_s_file_do_not_count(exported, tmp_path):
    from tokenizers import Tokenizer as FastTokenizer

    variant = exported("mean")
    fast = FastTokenizer.from_file(str(variant.folder / "tokenizer.json"))
    fast.enable_truncation(5)
    fast.enable_padding(length=128)
    fast.save(str(tmp_path / "tokenizer.json"))
    texts = ["kettle " * n for n in (1, 10, 100)]
    odd, plain = Tokenizer(tmp_path, variant.contract), Tokenizer(variant.folder, variant.contract)
    found, expected = odd.encode(texts, "document"), plain.encode(texts, "document")
    assert (found.ids, found.truncated, found.cut.tolist()) == (
        expected.ids,
        expected.truncated,
        expected.cut.tolist(),
    )
    assert odd.lengths(texts) == plain.lengths(texts) == [3, 12, 102]


def test_a_folder_without_graph_or_tokenizer_is_refused_in_words(toy_model, exported, tmp_path):
    with pytest.raises(ModelError, match=r"has no ONNX graph in fp32 \(it has none\). Make one with `semtune export"):
        open_onnx(toy_model)
    with pytest.raises(ModelError, match="no ONNX graph in int8"):
        open_onnx(exported("mean").folder, precision="int8")
    with pytest.raises(ModelError, match=r"has no tokenizer\.json"):
        Tokenizer(tmp_path, exported("mean").contract)


def test_weights_changed_after_the_export_are_refused(exported, tmp_path):
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(exported("cls").source, folder)  # exported into itself: weights and graph in one folder
    assert open_onnx(folder).encode(["kettle"]).tokens == 3
    shutil.copyfile(exported("mean").source / "model.safetensors", folder / "model.safetensors")
    for opened in (open_onnx, TorchEncoder.load):
        with pytest.raises(ContractError, match="trained further in place"):
            opened(folder)


def test_batches_beside_each_other_give_the_vectors_of_one_after_another(exported, monkeypatch):
    runner = OnnxRunner(exported("mean").folder / "onnx" / "model.onnx", threads=3)
    monkeypatch.setattr(runner, "batch_tokens", 16)
    folder = exported("mean").folder
    encoder = open_graph_encoder(folder, "fp32", lambda _: runner)
    texts = [f"word {'more ' * (i % 7)}{i}" for i in range(40)]
    beside = encoder.encode(texts).vectors
    monkeypatch.setattr(runner, "batches_at_once", 1)
    np.testing.assert_allclose(beside, encoder.encode(texts).vectors, atol=1e-6)  # on one thread and on three


def test_a_graph_that_was_replaced_meanwhile_does_not_mix_its_vectors_in(exported, tmp_path, monkeypatch):
    path = Path(shutil.copy(exported("mean").folder / "onnx" / "model.onnx", tmp_path))
    runner = OnnxRunner(path, threads=2)
    ids = [[2, 5, 6, 3]]
    before = runner(ids)
    other = exported("cls").folder / "onnx" / "model.onnx"
    path.unlink()
    shutil.copy(other, path)
    np.testing.assert_array_equal(runner(ids, beside=True), before)
    path.unlink()
    np.testing.assert_array_equal(runner(ids, beside=True), before)


def test_an_error_in_one_batch_is_raised_and_the_rest_is_not_computed(exported):
    class Failing:
        runtime, batch_tokens, batches_at_once = "onnx-fp32", 8, 2
        calls = 0

        def __call__(self, ids, prompt_tokens=0, beside=False):
            Failing.calls += 1
            time.sleep(0.005)
            raise ValueError("broken")

    encoder = open_graph_encoder(exported("mean").folder, "fp32", lambda _: Failing())
    with pytest.raises(ValueError, match="broken"):
        encoder.encode([f"text {i}" for i in range(400)])
    assert Failing.calls < 200
