"""Which loss fits which rows, and that each of them trains."""

import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
from sentence_transformers import CrossEncoder, SentenceTransformer
from torch import nn
from train_parts import SETTINGS, fit, retrieval_set, similarity_set

from semtune.dataset import Dataset
from semtune.errors import ConfigError, InputError
from semtune.train.data.columns import row_columns
from semtune.train.data.damaged_sentences import damaged
from semtune.train.data.reshape import reshape_for_loss
from semtune.train.data.rows import summarize_rows
from semtune.train.data.teacher_labels import teacher_labels
from semtune.train.losses.build import build_loss
from semtune.train.losses.catalogue import LOSSES
from semtune.train.losses.choice import choose_loss, losses_for
from semtune.train.monitor.dev_classes import map_at_r
from semtune.train.planning import memory
from semtune.train.planning.memory import ModelSizes, fitting_rows, step_bytes
from semtune.train.planning.plan import plan
from semtune.train.settings import TrainSettings
from semtune.train.trainer.out_of_memory import halve_mini_batch, is_out_of_memory
from semtune.types import Document, LabelledPair, LabelledText, Pair

SHORT = SETTINGS.replace(max_steps=2, per_device_train_batch_size=8)


def with_negatives(count):
    data = retrieval_set()
    rows = data.pairs["train"]
    more = [
        Pair(p.anchor, p.positive, tuple(rows[(i + 5 * (n + 1)) % len(rows)].positive for n in range(count)))
        for i, p in enumerate(rows)
    ]
    data.pairs["train"] = more
    return data


def classes():
    data = Dataset()
    texts = [(document.text, document.id.split("#")[1]) for document in retrieval_set().corpus]
    data.labelled_texts = {
        "train": [LabelledText(text, label) for text, label in texts[:56]],
        "dev": [LabelledText(text, label) for text, label in texts[56:]],
    }
    return data


def inference():
    rows = similarity_set().scored["train"]
    names = ["contradiction", "neutral", "entailment"]
    labels = [names[min(2, int(3 * row.score))] for row in rows]
    labels[:3] = names  # each of them, however alike the rows are
    return Dataset(
        labelled_pairs={"train": [LabelledPair(r.sentence1, r.sentence2, n) for r, n in zip(rows, labels, strict=True)]}
    )


def binary():
    rows = similarity_set().scored
    return Dataset(
        labelled_pairs={
            split: [LabelledPair(r.sentence1, r.sentence2, str(int(r.score > 0.3))) for r in part]
            for split, part in rows.items()
        }
    )


def plain():
    return Dataset(corpus=retrieval_set().corpus)


MAKE = {
    "pairs": retrieval_set, "triplets": lambda: with_negatives(1), "pairs with negatives": lambda: with_negatives(2),
    "scored pairs": similarity_set, "labelled pairs": inference, "labelled texts": classes, "plain sentences": plain,
}  # fmt: skip


@pytest.mark.parametrize(("shape", "loss"), [
    ("pairs", "MultipleNegativesRankingLoss"), ("triplets", "MultipleNegativesRankingLoss"),
    ("pairs with negatives", "MultipleNegativesRankingLoss"), ("scored pairs", "CoSENTLoss"),
    ("labelled pairs", "SoftmaxLoss"), ("labelled texts", "BatchAllTripletLoss"),
    ("plain sentences", "MultipleNegativesRankingLoss"),
])  # fmt: skip
def test_each_shape_is_known_and_has_its_loss(shape, loss):
    found = summarize_rows(MAKE[shape]())
    assert found.shape == shape
    assert choose_loss(found, "auto")[0] == loss
    assert loss in losses_for(found)


def test_translations_are_ranked_both_ways():
    data = retrieval_set()
    data.report = {"languages": {"queries": {"de": 9, "unknown": 2}, "passages": {"en": 20}}}
    assert choose_loss(summarize_rows(data), "auto")[0] == "MultipleNegativesSymmetricRankingLoss"
    data.report = {"languages": {"queries": {"de": 1, "unknown": 9}, "passages": {"en": 20}}}
    assert choose_loss(summarize_rows(data), "auto")[0] == "MultipleNegativesRankingLoss"


def test_labels_of_same_and_different_are_scores_for_all_but_a_classifier():
    data = reshape_for_loss(binary(), "auto")
    assert (summarize_rows(data).shape, summarize_rows(data).binary) == ("scored pairs", True)
    assert choose_loss(summarize_rows(data), "auto")[0] == "OnlineContrastiveLoss"
    assert {pair.score for pair in data.scored["dev"]} == {0.0, 1.0}
    assert summarize_rows(reshape_for_loss(binary(), "SoftmaxLoss")).shape == "labelled pairs"


def test_classes_come_back_from_the_pairs_that_prepare_makes_of_them():
    texts = {"card lost": "lost", "my card is gone": "lost", "pay in": "top up", "add money": "top up"}
    data = Dataset(corpus=[Document(f"d{i}", text, metadata={"label": c}) for i, (text, c) in enumerate(texts.items())])
    data.pairs = {
        "train": [Pair("where is my card", "card lost"), Pair("load it", "pay in"), Pair("load it", "add money")]
    }
    rows = reshape_for_loss(data, "BatchHardTripletLoss").labelled_texts["train"]
    assert {(row.text, row.label) for row in rows} == {
        ("where is my card", "lost"), ("card lost", "lost"), ("load it", "top up"), ("pay in", "top up"),
        ("add money", "top up"),
    }  # fmt: skip


@pytest.mark.parametrize(("loss", "shape", "words"), [
    ("MultipleNegativesRankingLoss", "scored pairs", "treat every pair, including the dissimilar ones, as a positive"),
    ("TripletLoss", "pairs", "needs a negative in each row; mine some with prepare.hard_negatives=1"),
    ("ContrastiveLoss", "scored pairs", "needs labels 0 and 1 only"),
    ("CoSENTLoss", "pairs", "it takes scored pairs or labelled pairs"),
    ("SoftmaxLoss", "scored pairs", "it takes labelled pairs"),
    ("CosineSimilarityLoss", "labelled pairs", "does not fit this data set of labelled pairs"),
    ("MultipleNegativRankingLoss", "pairs", "Did you mean 'MultipleNegativesRankingLoss'"),
])  # fmt: skip
def test_a_loss_that_does_not_fit_is_refused(loss, shape, words):
    with pytest.raises(ConfigError, match=words) as error:
        plan(MAKE[shape](), TrainSettings(loss=loss))
    assert "auto" in str(error.value)


@pytest.mark.parametrize(("settings", "words"), [
    ({"gradient_accumulation_steps": 4}, "adds no in-batch negatives.*per_device_train_batch_size: 128.*Cached"),
    ({"loss_options": {"scales": 5}}, "has no option 'scales'. Did you mean 'scale'"),
    ({"teacher": "x"}, "does not use a teacher. Losses that do: MarginMSELoss"),
    ({"loss": "MSELoss"}, "learns from another model. Name that model in train.teacher"),
    ({"matryoshka_dims": [0]}, r"matryoshka_dims\.0: input should be greater than or equal to 1 \(found 0\)"),
])  # fmt: skip
def test_wrong_combinations_are_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        plan(retrieval_set(), TrainSettings(**settings))


def test_accumulating_a_loss_without_batch_mates_is_allowed():
    wanted = TrainSettings(loss="CosineSimilarityLoss", gradient_accumulation_steps=4)
    assert plan(similarity_set(), wanted).gradient_accumulation_steps == 4
    with pytest.raises(ConfigError, match="compares no more rows"):
        plan(similarity_set(), TrainSettings(gradient_accumulation_steps=4))


def cases():
    """Each loss on each shape; one loss of each shape is tested at once, the others with the slow tests."""
    at_once = {
        ("MultipleNegativesRankingLoss", "pairs"), ("TripletLoss", "triplets"), ("CoSENTLoss", "scored pairs"),
        ("BatchAllTripletLoss", "labelled texts"), ("SoftmaxLoss", "labelled pairs"),
    }  # fmt: skip
    for name, spec in LOSSES.items():
        shapes = [s for s in spec.shapes if s != "labelled pairs" or name == "SoftmaxLoss"]
        if spec.needs != "teacher" and name != "DenoisingAutoEncoderLoss":
            for shape in shapes:
                yield pytest.param(name, shape, marks=[] if (name, shape) in at_once else [pytest.mark.slow])


@pytest.mark.parametrize(("loss", "shape"), list(cases()))
def test_every_loss_trains_on_every_shape_it_takes(toy_model, tmp_path, loss, shape):
    data = MAKE[shape]()
    if LOSSES[loss].binary:
        data.scored = {s: [replace(p, score=float(p.score > 0.3)) for p in part] for s, part in data.scored.items()}
    made = fit(data, toy_model, tmp_path, SHORT.replace(loss=loss))
    losses = [row["loss"] for row in made.log if "loss" in row]
    assert (made.plan.loss, len(losses)) == (loss, 2)
    assert all(math.isfinite(value) for value in losses)
    assert max(losses) > 0


@pytest.mark.parametrize(("loss", "shape"), [
    ("MarginMSELoss", "triplets"), ("MSELoss", "pairs"),
    pytest.param("MarginMSELoss", "pairs with negatives", marks=pytest.mark.slow),
    pytest.param("DistillKLDivLoss", "pairs with negatives", marks=pytest.mark.slow),
    pytest.param("EmbedDistillLoss", "plain sentences", marks=pytest.mark.slow),
])  # fmt: skip
def test_a_teacher_gives_the_labels(toy_model, tmp_path, loss, shape):
    """The model is its own teacher: without dropout it has nothing to learn but what its columns differ by."""
    made = fit(MAKE[shape](), toy_model, tmp_path, SHORT.replace(loss=loss, teacher=str(toy_model)))
    first = next(row["loss"] for row in made.log if "loss" in row)
    assert first == pytest.approx(0.0, abs=0.35 if loss == "EmbedDistillLoss" else 0.2)


def test_a_cross_encoder_teaches_by_its_scores(toy_model, tmp_path, cross_encoder):
    folder = cross_encoder()
    model = CrossEncoder(str(folder), local_files_only=True)
    model.save_pretrained(str(tmp_path / "saved"))  # as the library writes them, with modules of its own
    data = with_negatives(2)
    texts = row_columns(data, summarize_rows(data), "train", 3)
    rows = list(zip(*texts.values(), strict=True))
    want = [
        model.predict([(anchor, other) for other in others], activation_fn=nn.Sigmoid()) for anchor, *others in rows
    ]
    for teacher in (folder, tmp_path / "saved"):
        np.testing.assert_allclose(teacher_labels(texts, teacher, "MarginMSELoss", 32), want, atol=1e-5)
    with pytest.raises(InputError, match="is a cross-encoder: it has no vectors for MSELoss"):
        teacher_labels(texts, folder, "MSELoss", 32)
    made = fit(data, toy_model, tmp_path, SHORT.replace(loss="MarginMSELoss", teacher=str(folder)))
    assert made.plan.loss == "MarginMSELoss"


@pytest.mark.slow
def test_the_cached_loss_gives_the_same_model(toy_model, tmp_path):
    toy_model = shutil.copytree(toy_model, tmp_path / "still")  # without dropout, whose draws follow the mini-batches
    config = json.loads((toy_model / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (toy_model / "config.json").write_text(json.dumps(config))
    data = retrieval_set()
    whole = fit(data, toy_model, tmp_path / "a", SHORT.replace(per_device_train_batch_size=32))
    parts = fit(data, toy_model, tmp_path / "b", SHORT.replace(per_device_train_batch_size=32, mini_batch_size=8))
    assert (parts.plan.loss, parts.plan.mini_batch_size) == ("CachedMultipleNegativesRankingLoss", 8)
    one, two = (SentenceTransformer(str(tmp_path / n / "model"), device="cpu") for n in "ab")
    texts = [document.text for document in data.corpus]
    np.testing.assert_allclose(one.encode(texts), two.encode(texts), atol=2e-3)
    assert [r["loss"] for r in whole.log if "loss" in r] == pytest.approx(
        [r["loss"] for r in parts.log if "loss" in r], rel=1e-3
    )


def test_a_damaged_sentence_writes_the_whole_one(toy_model, tmp_path):
    wanted = SHORT.replace(loss="DenoisingAutoEncoderLoss", max_steps=12)
    made = fit(retrieval_set(), toy_model, tmp_path, wanted)
    losses = [row["loss"] for row in made.log if "loss" in row]
    assert (made.plan.shape, made.plan.metric) == ("plain sentences", "ndcg@10")
    assert losses[-1] < 0.8 * losses[0]
    assert damaged(["one two three four five"] * 3, seed=1) == damaged(["one two three four five"] * 3, seed=1)
    kept = [len(text.split()) for text in damaged(["a b c d e f g h i j"] * 500, seed=0)]
    assert np.mean(kept) == pytest.approx(4, abs=0.3)
    assert min(kept) >= 1


def test_several_data_sets_are_trained_in_one_run(toy_model, tmp_path):
    made = fit(retrieval_set(), toy_model, tmp_path, SHORT, also={"scores": similarity_set(), "classes": classes()})
    assert [(task.name, task.loss, task.rows) for task in made.plan.also] == [
        ("scores", "CoSENTLoss", 60), ("classes", "BatchAllTripletLoss", 56),
    ]  # fmt: skip
    assert made.plan.metric == "ndcg@10"


def test_matryoshka_is_around_the_loss(toy_model):
    model = SentenceTransformer(str(toy_model), device="cpu")
    loss = build_loss("MultipleNegativesRankingLoss", model, options={"scale": 10}, matryoshka=(16, 8))
    assert (type(loss).__name__, tuple(loss.matryoshka_dims)) == ("MatryoshkaLoss", (16, 8))
    assert loss.loss.scale == 10


def test_margins_suit_vectors_of_unit_length(toy_model):
    model = SentenceTransformer(str(toy_model), device="cpu")
    assert build_loss("TripletLoss", model, options={}).triplet_margin == 0.2
    assert build_loss("TripletLoss", model, options={"triplet_margin": 1.0}).triplet_margin == 1.0
    with pytest.raises(ConfigError, match="Allowed for TripletLoss: cosine, euclidean, manhattan"):
        build_loss("TripletLoss", model, options={"distance_metric": "cosinus"})


def test_map_at_r_by_hand():
    vectors = np.array([[1, 0], [0.9, 0.1], [0.8, 0.3], [0, 1]], dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    # a, b, a, b: each looks for one other (R = 1): its nearest is of its class or not.
    assert map_at_r(vectors, ["a", "b", "a", "b"]).tolist() == [0, 0, 0, 0]
    # a, a, b, a, the third alone. First and second: the other, then a wrong one: (1/1) / 2.
    # Fourth: wrong, right: (1/2) / 2.
    assert map_at_r(vectors, ["a", "a", "b", "a"]).tolist() == [0.5, 0.5, 0.25]


def test_memory_halves_the_mini_batch_until_it_fits():
    mini_lm = ModelSizes(22_713_216, 6, 384, 12)
    # By hand: 6 layers of (34·128·384 + 5·12·128²) bytes in 16 bits, twice that in fp32, for 64 texts.
    layers = 64 * 6 * (34 * 128 * 384 + 5 * 12 * 128**2) * 2
    assert step_bytes(mini_lm, 64, 128, bf16=False) == 1_200_000_000 + 16 * 22_713_216 + layers
    room = step_bytes(mini_lm, 2 * 100, 256, bf16=False)
    assert fitting_rows(mini_lm, 512, 2, 256, bf16=False, room=room) == 64
    made = plan(
        retrieval_set(), TrainSettings(per_device_train_batch_size=32, mini_batch_size=8), mini_lm, [200] * 9, 256
    )
    assert (made.loss, made.batch_size, made.mini_batch_size) == ("CachedMultipleNegativesRankingLoss", 32, 8)
    smaller = halve_mini_batch(made)
    assert (smaller.mini_batch_size, smaller.steps, smaller.loss) == (4, made.steps, made.loss)
    assert halve_mini_batch(replace(made, mini_batch_size=1)) is None
    assert halve_mini_batch(replace(made, loss="CoSENTLoss")) is None


def test_what_others_use_is_not_taken(monkeypatch):
    mini_lm = ModelSizes(22_713_216, 6, 384, 12)
    needed = step_bytes(mini_lm, 2 * 64, 256, bf16=False)
    monkeypatch.setattr(memory, "usable_memory", lambda: 100 * needed)
    for free, rows in ((100 * needed, 512), (needed / 0.89, 64), (needed / 0.91, 32), (1, 2)):
        monkeypatch.setattr(memory, "free_memory", lambda free=free: free)
        assert fitting_rows(mini_lm, 512, 2, 256, bf16=False) == rows
    monkeypatch.setattr(memory, "usable_memory", lambda: needed / 0.69)
    monkeypatch.setattr(memory, "free_memory", lambda: 10 * needed)
    assert fitting_rows(mini_lm, 512, 2, 256, bf16=False) == 64


def test_running_out_of_memory_goes_on_in_smaller_parts(toy_model, tmp_path, monkeypatch):
    from semtune.train.trainer import training_loop

    tried = []
    real = training_loop.run_training

    def sometimes(job, *others):
        tried.append(job.plan.mini_batch_size)
        if len(tried) < 3:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes.")
        return real(job, *others)

    monkeypatch.setattr(training_loop, "run_training", sometimes)
    made = fit(retrieval_set(), toy_model, tmp_path, SHORT.replace(per_device_train_batch_size=16))
    assert tried == [16, 8, 4]
    assert made.plan.loss == "CachedMultipleNegativesRankingLoss"
    assert any("memory ran out" in reason for reason in made.plan.reasons)
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
    assert is_out_of_memory(MemoryError())
