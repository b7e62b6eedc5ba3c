"""Students of a toy teacher: what is kept of it, what is learned, continued and refused."""

import json
import shutil

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from train_parts import SETTINGS, deep_teacher, retrieval_set

from model_variants import PROMPTS, VARIANTS, write_variant
from semtune import contract as contracts
from semtune.dataset import Dataset
from semtune.encoders.static import StaticEncoder
from semtune.encoders.torch import TorchEncoder, open_sentence_transformer
from semtune.errors import ConfigError, InputError, ModelError
from semtune.prepare.build import for_other_steps as data_for
from semtune.progress import QUIET
from semtune.sources import model_ref
from semtune.testing.toy_model import write_toy_model
from semtune.train.distil import job as job_module
from semtune.train.distil.fewer_layers import keep_layers, kept_layers, to_layers
from semtune.train.distil.imitate import ImitationData, closeness, imitate
from semtune.train.distil.job import DistillationJob
from semtune.train.distil.multilingual import to_multilingual
from semtune.train.distil.publish import publish
from semtune.train.distil.static_student import to_static
from semtune.train.distil.token_table import main_components, rarity, token_table
from semtune.types import Pair

LEARN = SETTINGS.replace(num_train_epochs=4, learning_rate=0.003)
TEXTS = ["mend the kettle", "a dry cupboard", "the violin and the barrel"]


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    return deep_teacher(tmp_path_factory.mktemp("teacher") / "toy")


def job(teacher, work, **arguments):
    return DistillationJob(teacher, "toy", work, 0, arguments)


def parallel_set():
    """The toy pages in a language whose words are spelled backwards."""

    def backwards(text):
        return " ".join(word[::-1] for word in text.split())

    texts = [document.text for document in retrieval_set().corpus]
    return Dataset(pairs={"train": [Pair(text, backwards(text)) for text in texts]})


def test_the_layers_kept_are_evenly_spaced_and_the_last_is_one():
    assert [kept_layers(6, n) for n in (1, 2, 3, 5)] == [[5], [0, 5], [0, 2, 5], [0, 1, 2, 4, 5]]
    assert kept_layers(12, 6) == [0, 2, 4, 7, 9, 11]  # DistilBERT's own


def test_a_row_is_the_main_part_of_the_token_s_vector_by_its_rarity(teacher):
    model = open_sentence_transformer(teacher, "cpu")
    table = token_table(model, 8)
    vocabulary = table.tokenizer.get_vocab()
    words = sorted(set(vocabulary.values()) - {0, 1, 2, 3, 4})
    alone = np.stack([
        model[1](model[0]({"input_ids": torch.tensor([[2, word, 3]]), "attention_mask": torch.ones(1, 3)}))
        ["sentence_embedding"][0].detach().numpy() for word in words
    ])  # fmt: skip
    _, _, directions = np.linalg.svd(alone - alone.mean(0), full_matrices=False)
    zipf = 1 / np.arange(1, len(words) + 1)
    weight = 1e-4 / (1e-4 + zipf / zipf.sum())
    wanted = (alone - alone.mean(0)) @ directions[:8].T * weight[:, None]
    np.testing.assert_allclose(np.abs(table.rows[words]), np.abs(wanted), rtol=1e-3, atol=1e-6)  # signs are free
    assert not table.rows[:5].any()
    np.testing.assert_allclose(rarity(len(words)), weight, rtol=1e-5)
    np.testing.assert_allclose(table.rotation.T @ table.rotation, np.eye(8), atol=1e-5)
    np.testing.assert_array_equal(main_components(alone, 8), main_components(alone, 8))


@pytest.mark.parametrize("name", VARIANTS)
def test_every_kind_of_teacher_becomes_a_table(name, tmp_path):
    folder = write_variant(name, tmp_path / name)
    made = to_static(job(folder, tmp_path / "work"), None, None, SETTINGS)
    wanted = SentenceTransformer(str(made.folder), device="cpu").encode(TEXTS)
    encoder = StaticEncoder(made.folder)
    np.testing.assert_allclose(encoder.encode(TEXTS).vectors, wanted, atol=1e-5)
    contract = contracts.load(folder)
    assert (encoder.contract.dimension, encoder.contract.similarity) == (contract.dimension, contract.similarity)


@pytest.mark.slow
def test_a_table_is_tuned_and_published_whole(teacher, tmp_path):
    data = retrieval_set()
    made = to_static(job(teacher, tmp_path / "w"), data, 16, SETTINGS.replace(learning_rate=0.005, num_train_epochs=8))
    assert made.facts["tuned"]["best"] > made.facts["tuned"]["start"] + 0.05
    assert made.facts["tuned"]["rows"] == len(data.pairs["train"])
    vectors = StaticEncoder(made.folder).encode(TEXTS).vectors
    contract = publish(made, job(teacher, tmp_path / "w"), tmp_path / "out", {"to": "static"}, ["a line"])
    assert not (tmp_path / "w").exists()
    np.testing.assert_array_equal(StaticEncoder(tmp_path / "out").encode(TEXTS).vectors, vectors)
    assert (contract.name, contract.base, contract.dimension) == ("out", "toy", 16)
    card = (tmp_path / "out" / "README.md").read_text()
    assert "- a line\n- 16 dimensions, texts of any length, static pooling" in card


def test_fewer_layers_learn_to_be_the_teacher(teacher, tmp_path):
    made = to_layers(job(teacher, tmp_path / "w"), retrieval_set(), 2, LEARN)
    assert made.facts["layers"] == [1, 4]
    assert made.facts["cosine"] > made.facts["cosine_before"] + 0.02
    config = json.loads((made.folder / "config.json").read_text())
    assert config["num_hidden_layers"] == 2
    assert config["hidden_dropout_prob"] == 0.1
    # The texts that were held out are measured as a reader of the folders would.
    one, two = (TorchEncoder.load(folder).encode(TEXTS).vectors for folder in (teacher, made.folder))
    model = open_sentence_transformer(made.folder, "cpu")
    assert closeness(model, ImitationData({"text": TEXTS}, one)) == pytest.approx((one * two).sum(1).mean(), abs=0.01)


@pytest.mark.parametrize("name", VARIANTS[1:])
def test_other_encoders_lose_layers_too(name, tmp_path):
    folder = write_variant(name, tmp_path / name)
    model = open_sentence_transformer(folder, "cpu")
    total = model[0].auto_model.config.num_hidden_layers
    if total == 1:
        with pytest.raises(ConfigError, match=r"--layers is 1; allowed: 1 to 0"):
            keep_layers(model, 1)
        return
    assert keep_layers(model, 1) == [total - 1]
    before = model.encode(TEXTS)
    model.save_pretrained(str(tmp_path / "short"))
    after = SentenceTransformer(str(tmp_path / "short"), device="cpu").encode(TEXTS)
    np.testing.assert_allclose(after, before, atol=1e-6)


def test_the_teacher_need_not_read_the_translations(toy_model, tmp_path):
    thai = "".join(f"kettle water {number},ภาษา ไทย ล้วน คำ {number}\n" for number in range(30))
    (tmp_path / "pairs.csv").write_text(f"anchor,positive\n{thai}", encoding="utf-8")
    with pytest.raises(InputError, match="cannot read"):
        data_for.training(tmp_path / "pairs.csv", model_ref(str(toy_model)), 13)()
    rows = data_for.training(tmp_path / "pairs.csv", model_ref(str(toy_model)), 13, allow_unreadable=True)()
    assert len(rows.pairs["train"]) >= 20


def test_frozen_embeddings_stay_as_they_are(teacher, tmp_path):
    model = open_sentence_transformer(teacher)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    lesson = ImitationData({"source": TEXTS * 8}, np.random.default_rng(0).normal(size=(len(TEXTS) * 8, 32)))
    imitate(model, lesson, True, tmp_path, LEARN.replace(freeze_layers=1, max_steps=2), 13, QUIET)
    changed = {name for name, value in model.named_parameters() if not value.equal(before[name])}
    assert changed
    assert not any("embeddings" in name or "layer.0." in name for name in changed)


@pytest.mark.slow
def test_a_student_reads_another_language_and_takes_the_teacher_s_space(teacher, tmp_path):
    data = parallel_set()
    words = [text for pair in data.pairs["train"] for text in (pair.anchor, pair.positive)]
    backbone = write_toy_model(tmp_path / "wide", words, hidden=48, seed=3, prompts=PROMPTS)
    made = to_multilingual(
        job(teacher, tmp_path / "w"), data, backbone, "wide", LEARN.replace(num_train_epochs=30, learning_rate=0.01)
    )
    assert made.facts["cosine"] > made.facts["cosine_before"] + 0.3  # a new dense layer knows nothing at first
    contract = contracts.describe(made.folder)
    assert (contract.dimension, contract.normalize, contract.prompts) == (32, True, {})
    held = [pair for pair in data.pairs["train"] if len(pair.positive) > 20][:40]
    source = TorchEncoder.load(teacher).encode([pair.anchor for pair in held]).vectors
    foreign = TorchEncoder.load(made.folder).encode([pair.positive for pair in held]).vectors
    without = TorchEncoder.load(teacher).encode([pair.positive for pair in held]).vectors
    found, before = ((side @ source.T).argmax(1) == np.arange(len(held)) for side in (foreign, without))
    assert before.mean() < 0.05  # as by chance
    assert found.mean() > 0.12
    assert (foreign * source).sum(1).mean() > (without * source).sum(1).mean() + 0.2


@pytest.mark.slow
def test_a_killed_distillation_continues_and_ends_the_same(teacher, tmp_path, monkeypatch):
    data = retrieval_set()
    short = LEARN.replace(num_train_epochs=1)
    whole = to_layers(job(teacher, tmp_path / "whole"), data, 2, short)
    from semtune.train.monitor.training_monitor import TrainingMonitor

    saved = TrainingMonitor.on_save

    def die(self, args, state, control, **others):
        saved(self, args, state, control, **others)
        if state.global_step >= state.max_steps // 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(TrainingMonitor, "on_save", die)
        with pytest.raises(KeyboardInterrupt):
            to_layers(job(teacher, tmp_path / "killed"), data, 2, short)
    assert not (tmp_path / "killed" / "imitated").exists()
    asked = []
    monkeypatch.setattr(job_module, "vectors_of", lambda *_: asked.append(1))
    again = to_layers(job(teacher, tmp_path / "killed"), data, 2, short)
    assert not asked  # the teacher's vectors were kept
    np.testing.assert_array_equal(*(TorchEncoder.load(made.folder).encode(TEXTS).vectors for made in (whole, again)))
    job(teacher, tmp_path / "killed", other=1)  # other arguments: nothing of the old is taken
    assert [path.name for path in (tmp_path / "killed").iterdir()] == ["distil.json"]


def test_what_cannot_be_distilled_is_refused(teacher, tmp_path):
    data = retrieval_set()
    table = to_static(job(teacher, tmp_path / "table"), None, None, SETTINGS).folder
    with pytest.raises(ModelError, match="toy is a static model already"):
        job(table, tmp_path / "w")
    with pytest.raises(ConfigError, match=r"--layers is 4; allowed: 1 to 3, since the teacher has 4"):
        to_layers(job(teacher, tmp_path / "w"), data, 4, LEARN)
    with pytest.raises(ConfigError, match=r"--dim is 33; allowed: 1 to 32"):
        to_static(job(teacher, tmp_path / "w"), None, 33, LEARN)
    with pytest.raises(InputError, match="0 texts to learn from"):
        to_layers(job(teacher, tmp_path / "w"), Dataset(), 2, LEARN)
    with pytest.raises(InputError, match="0 training pairs; parallel text is needed"):
        to_multilingual(job(teacher, tmp_path / "w"), Dataset(), teacher, "toy", LEARN)
    with pytest.raises(ModelError, match="--student is not a transformer"):
        to_multilingual(job(teacher, tmp_path / "w2"), data, table, "table", LEARN)
    cyrillic = Dataset(pairs={"train": [Pair("a kettle", "чайник"), Pair("a violin", "скрипка")]})
    with pytest.raises(InputError, match=r"does not know 100% of the translations' tokens"):
        to_multilingual(job(teacher, tmp_path / "w3"), cyrillic, teacher, "toy", LEARN)
    served = shutil.copytree(teacher, tmp_path / "served")
    contracts.save(contracts.load(served), served)
    (served / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="toy is an exported model only"):
        job(served, tmp_path / "w")
