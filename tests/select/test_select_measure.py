"""Domain fit worked by hand, memory, samples of the data, smaller vectors, the catalogue and who is a candidate."""

import zlib

import numpy as np
import pytest

from select_parts import Means, quality, retrieval_set, scored_set
from semtune.backbone_catalogue import catalogue, find_entry
from semtune.contract import Contract
from semtune.dataset import Dataset
from semtune.encoders.toy import ToyEncoder
from semtune.errors import InputError
from semtune.metrics import main_axes
from semtune.select import candidates
from semtune.select.candidates import gather, languages_of
from semtune.select.cost import index_mb, peak_memory
from semtune.select.sample import dev_part
from semtune.select.smaller_vectors import measure_smaller
from semtune.select.tokenizer_fit import measure_fit
from semtune.testing.toy_model import write_toy_model
from semtune.train.distil.training_texts import pca_texts, spaced
from semtune.types import Encoded, LabelledText


def candidate(folder):
    return gather([str(folder), str(write_toy_model(folder.parent / "other", seed=9))]).usable[0]


@pytest.mark.parametrize(
    ("texts", "prompts", "expected"),
    [
        (["the kettle"], {}, (1.0, 0.0, 0.0)),
        (["kettle zebra"], {}, (3.0, 0.0, 0.0)),  # kettle, z ##e ##b ##r ##a
        (["kettle 文"], {}, (1.0, 0.5, 0.0)),
        (["kettle " * 6, "kettle " * 7], {}, (1.0, 0.0, 0.5)),  # [CLS] and [SEP] count: 8 tokens fit, 9 do not
        (
            ["kettle " * 5, "kettle " * 6],
            {"document": "the "},
            (1.0, 0.0, 0.5),
        ),  # the prompt takes room, and is no word
    ],
)
def test_tokens_a_word_unknown_ones_and_cut_texts_by_hand(tmp_path, texts, prompts, expected):
    model = write_toy_model(tmp_path / "m", ["the kettle"], max_length=8, prompts=prompts)
    fit = measure_fit(candidate(model), texts)
    assert (fit.tokens_per_word, fit.unknown, fit.truncated) == expected


def test_without_a_fast_tokenizer_there_is_no_fit(tmp_path):
    model = candidate(write_toy_model(tmp_path / "m"))
    (model.folder / "tokenizer.json").unlink()
    assert measure_fit(model, ["a"]) is None


def test_memory_is_what_a_block_adds_at_its_peak():
    with peak_memory() as peak:
        np.ones(50_000_000, dtype=np.float32).sum()  # 200 MB, gone when the block ends
    if peak.mb is None:
        pytest.skip("this system does not tell the peak of a process's memory")
    assert peak.mb == pytest.approx(191, abs=15)
    assert index_mb(384) == 1536


def test_the_dev_part_is_bounded_drawn_by_the_seed_and_without_test():
    part = dev_part(retrieval_set(), max_queries=5, max_passages=20, seed=3)
    assert (len(part.qrels["dev"]), len(part.queries), len(part.corpus), part.qrels.keys()) == (5, 5, 20, {"dev"})
    assert {doc for row in part.qrels["dev"].values() for doc in row} <= {document.id for document in part.corpus}
    again = dev_part(retrieval_set(), 5, 20, 3)
    assert (again.qrels, again.corpus) == (part.qrels, part.corpus)
    assert dev_part(retrieval_set(), 5, 20, 4).qrels != part.qrels
    assert len(dev_part(scored_set(), 7, 1, 0).scored["dev"]) == 7
    assert spaced("abcdefgh", 4) == ["a", "c", "e", "g"]
    assert set(pca_texts(scored_set(), 1)) == {
        t for p in scored_set().scored["train"] for t in (p.sentence1, p.sentence2)
    }


def test_texts_with_a_class_are_texts_to_train_on():
    rows = {"train": [LabelledText("one", "a"), LabelledText("two", "b")], "test": [LabelledText("three", "a")]}
    assert set(pca_texts(Dataset(labelled_texts=rows), 1)) == {"one", "two"}


def test_axes_are_those_of_the_svd_and_lose_nothing_where_there_is_nothing():
    rng = np.random.default_rng(0)
    vectors = (rng.normal(size=(200, 3)) @ rng.normal(size=(3, 16))).astype(np.float32)
    found = main_axes(vectors)
    reference = np.linalg.svd(vectors, full_matrices=False)[2][:3].T
    np.testing.assert_allclose(np.abs((found[:, :3] * reference).sum(axis=0)), 1, atol=1e-4)
    turned = vectors @ found[:, :3]
    np.testing.assert_allclose(turned @ turned.T, vectors @ vectors.T, atol=1e-2)
    assert np.array_equal(main_axes(vectors), found)


class Exact(Means):
    """Judges an encoder by how near its inner products are to those of whole vectors."""

    def __init__(self, texts):
        self.texts = texts
        whole = Planted().encode(texts).vectors
        self.gold = whole @ whole.T

    def __call__(self, encoder):
        vectors = encoder.encode(self.texts).vectors
        return quality(1 - float(np.abs(vectors @ vectors.T - self.gold).max()))


class Planted(ToyEncoder):
    """Vectors of 16 dimensions that lie in a plane of 4, turned at random."""

    def __init__(self):
        super().__init__(dimension=4)
        turn = np.linalg.qr(np.random.default_rng(0).normal(size=(16, 16)))[0][:4].astype(np.float32)
        self.turn, self.asked = turn, 0
        self.contract = Contract("planted", "sum", True, 32, 16, "t", "w", "planted")

    def encode(self, texts, role="document", progress=None):
        self.asked += len(texts)
        rows = [np.random.default_rng(zlib.crc32(text.encode())).normal(size=4) for text in texts]
        made = np.array(rows, dtype=np.float32)
        return Encoded(made / np.linalg.norm(made, axis=1, keepdims=True) @ self.turn, 0, 0)


def test_smaller_vectors_by_pca_keep_a_plane_that_cutting_breaks():
    texts = [f"text {number}" for number in range(40)]
    encoder = Planted()
    found = {(one.way, one.dimension): one for one in measure_smaller(encoder, Exact(texts), texts, [64, 16, 8, 4])}
    assert list(found) == [
        ("whole", 16), ("first", 8), ("pca", 8), ("first", 4), ("pca", 4), ("fp16", 16), ("int8", 16), ("binary", 16)
    ]  # fmt: skip
    assert encoder.asked == 40  # each text once
    assert found["whole", 16].value == pytest.approx(1, abs=1e-5)
    assert found["pca", 4].value == pytest.approx(1, abs=1e-4)
    assert found["first", 4].value < 0.9
    assert found["first", 4].loss == pytest.approx(found["whole", 16].value - found["first", 4].value)
    assert 1e-6 < 1 - found["fp16", 16].value < 0.01
    assert found["fp16", 16].value > found["int8", 16].value > 0.95 > found["binary", 16].value
    assert {one.way: one.index_mb for one in found.values() if one.dimension == 16} == {
        "whole": 64, "fp16": 32, "int8": 16, "binary": 2,
    }  # fmt: skip


def test_the_catalogue_holds_the_named_backbones_and_finds_them():
    known = {entry.name for entry in catalogue()}
    assert {
        "all-MiniLM-L6-v2", "all-mpnet-base-v2", "paraphrase-mpnet-base-v2", "scibert_scivocab_uncased", "bge-m3",
        "roberta-large-nli-stsb-mean-tokens", "multilingual-e5-small", "gte-base", "ModernBERT-base", "bert-base-uncased",
        "roberta-base",
    } <= known  # fmt: skip
    e5 = find_entry("nothing", "MULTILINGUAL-E5-small")
    assert (e5.id, e5.dimension, e5.prompts["document"]) == ("intfloat/multilingual-e5-small", 384, "passage: ")
    assert find_entry("me5", "") is None
    assert e5.supports({"de", "en"})
    assert [find_entry("all-MiniLM-L6-v2").supports(codes) for codes in ({"en"}, set(), {"en", "de"})] == [
        True,
        True,
        False,
    ]


def test_languages_that_a_good_part_is_in():
    mix = {"passages": {"en": 90, "de": 5, "unknown": 400, "und-Deva": 50}, "queries": {"fr": 9, "en": 1}}
    assert languages_of({"languages": mix}) == {"en", "fr"}


def test_candidates_that_are_not_here_broken_or_twice_are_named_and_left_out(tmp_path):
    good, more = (write_toy_model(tmp_path / name, seed=at) for at, name in enumerate(("good", "more")))
    (good / "README.md").write_text("---\nlicense: mit\n---\n# good\n")
    broken = write_toy_model(tmp_path / "broken", seed=7)
    (broken / "model.safetensors").write_bytes(b"nothing of the kind")
    field = gather([str(good), "nobody/has-this", str(more), str(broken), f"{good}/", str(tmp_path / "absent")])
    assert [one.name for one in field.usable] == ["good", "more"]
    assert [one.licence for one in field.usable] == ["mit", ""]
    why = {one.asked: one.why for one in field.skipped}
    assert list(why) == ["nobody/has-this", str(broken), f"{good}/", str(tmp_path / "absent")]
    assert "is not a safetensors file" in why[str(broken)]
    assert why[f"{good}/"] == f"It is the same model as {good}."
    import safetensors.numpy

    weights = safetensors.numpy.load_file(good / "model.safetensors")
    assert field.usable[0].parameters == sum(values.size for values in weights.values())


@pytest.mark.parametrize(("words", "said"), [([], "No model was given"), (["a", "a "], "Only a was given")])
def test_a_choice_needs_two(words, said):
    with pytest.raises(InputError, match=said):
        gather(words)


def test_by_default_the_catalogue_that_is_here_and_fits_the_language(monkeypatch):
    here = {"intfloat/multilingual-e5-small", "sentence-transformers/all-MiniLM-L6-v2", "BAAI/bge-m3"}
    monkeypatch.setattr(candidates, "is_here", here.__contains__)
    assert set(candidates.usual({"en"})) == here
    assert set(candidates.usual({"en", "de"})) == here - {"sentence-transformers/all-MiniLM-L6-v2"}
    monkeypatch.setattr(candidates, "is_here", lambda _id: False)
    with pytest.raises(InputError, match="None of the catalogue's models made for en is on this machine"):
        candidates.usual({"en"})


def test_candidates_of_one_name_are_told_apart(tmp_path, monkeypatch):
    write_toy_model(tmp_path / "mine", seed=1)
    write_toy_model(tmp_path / "x" / "mine", seed=2)
    monkeypatch.chdir(tmp_path)
    for asked in (["x/mine", "mine"], ["mine", "x/mine"]):
        field = gather(asked)
        assert [one.asked for one in field.usable] == asked
        assert len({one.name for one in field.usable}) == 2
