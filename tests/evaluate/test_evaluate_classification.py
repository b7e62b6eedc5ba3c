"""Classification: the logistic head and few-shot against scikit-learn, the verdict, the page, saved results."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.neighbors import NearestCentroid

from semtune.dataset import Dataset
from semtune.encoders.toy import ToyEncoder
from semtune.errors import InputError
from semtune.evaluate.kinds import classification
from semtune.evaluate.report.page import write_report
from semtune.evaluate.saved.read import aligned, read_saved
from semtune.evaluate.saved.write import write_files
from semtune.evaluate.scores import score
from semtune.evaluate.tasks import tasks
from semtune.evaluate.verdict.outcome import conclude
from semtune.evaluate.verdict.slices import partition
from semtune.metrics import even_sample
from semtune.protocols import Encoded
from semtune.types import LabelledText

CLASSES, DIM = 5, 12


class Cloud:
    """An encoder whose vectors lie around the centre of the class that a text names, as far as `noise` says."""

    runtime = "test"
    contract = replace(ToyEncoder().contract, dimension=DIM, name="cloud")

    def __init__(self, noise):
        self.noise = noise

    def encode(self, texts, role="document", progress=None):
        assert role == "query"
        centres = np.random.default_rng(0).normal(size=(CLASSES + 1, DIM))
        made = []
        for text in texts:
            label, number = text.split()
            own = np.random.default_rng([int(label), int(number)]).normal(size=DIM)
            made.append(centres[int(label)] + self.noise * own)
        vectors = np.array(made, dtype=np.float32)
        return Encoded(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), 0, 0)


def data_set(test=60):
    def rows(start, each):
        return [LabelledText(f"{c} {i}", f"class {c}") for c in range(CLASSES) for i in range(start, start + each)]

    return Dataset(labelled_texts={"train": rows(0, 30), "test": rows(500, test)})


def vectors_and_labels(encoder, rows):
    return encoder.encode([row.text for row in rows], "query").vectors, np.array([row.label for row in rows])


def test_the_head_is_scikit_learns_and_draws_are_eight_a_class():
    encoder, data = Cloud(1.2), data_set()
    found = score(encoder, data)
    assert (found.kind, found.main, found.n) == ("classification", "accuracy", 300)
    assert tasks(data, "test")[0] == "classification"
    (x, y), (xt, yt) = (vectors_and_labels(encoder, data.labelled_texts[split]) for split in ("train", "test"))
    said = LogisticRegression(C=10.0, max_iter=1000).fit(x, y).predict(xt)
    assert found.metrics["accuracy"] == pytest.approx(accuracy_score(yt, said))
    assert found.metrics["macro_f1"] == pytest.approx(f1_score(yt, said, average="macro"))
    assert found.per_query["accuracy"].tolist() == (said == yt).astype(float).tolist()
    assert list(found.answers) == said.tolist()
    assert 0.5 < found.metrics["accuracy"] < 1
    # All 8 examples of a class where it has no more: then each draw is the nearest centre of all of train.
    few = Dataset(labelled_texts={"train": [r for r in data.labelled_texts["train"] if int(r.text.split()[1]) < 8],
                                  "test": data.labelled_texts["test"]})  # fmt: skip
    x, y = vectors_and_labels(encoder, few.labelled_texts["train"])
    centres = NearestCentroid().fit(x, y)
    unit = centres.centroids_ / np.linalg.norm(centres.centroids_, axis=1, keepdims=True)
    nearest = centres.classes_[(xt @ unit.T).argmax(axis=1)]
    assert score(encoder, few).metrics["few_shot_accuracy"] == pytest.approx(accuracy_score(yt, nearest))
    # The task few-shot on the same data draws the same examples.
    alone = score(encoder, data, task="few-shot", seed=3)
    assert score(encoder, data, seed=3).metrics["few_shot_accuracy"] == pytest.approx(alone.metrics["accuracy"])


def test_texts_of_classes_that_train_lacks_are_left_out_and_counted():
    data = data_set()
    data.labelled_texts["test"].append(LabelledText("5 1", "class 5"))
    found = score(Cloud(0.5), data)
    assert (found.n, found.counts["texts_of_unknown_class"], found.counts["classes"]) == (300, 1, 5)
    outcome = conclude(found, {"base": score(Cloud(2.0), data)})
    assert "1 texts are in classes without examples in train and were left out." in outcome.warnings
    with pytest.raises(InputError, match=r"needs \(text, label\), in train and test"):
        score(Cloud(1.0), Dataset(labelled_texts={"test": data.labelled_texts["test"]}), task="classification")


def test_a_better_model_ships_and_everything_follows(tmp_path):
    data = data_set(test=80)
    good, bad = score(Cloud(0.6), data), score(Cloud(1.6), data)
    outcome = conclude(good, {"base": bad}, parts=partition(data, "test", good))
    assert outcome.verdict.verdict == "ship"
    assert outcome.verdict.sentence.startswith("ship: Accuracy is better by +")
    assert "400 texts" in outcome.verdict.sentence
    assert {part.by for part in outcome.slices} >= {"class"}
    write_report(tmp_path / "report.html", outcome, data, "test")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for words in ("Few-shot accuracy", "Macro F1", "distinct texts of train that the head was fitted on", "class 3"):
        assert words in page
    assert conclude(good, {"base": good}).verdict.verdict == "cannot-judge"


def test_a_saved_evaluation_is_read_again(tmp_path):
    data = data_set()
    found = score(Cloud(1.0), data)
    outcome = conclude(found, {"base": score(Cloud(1.5), data)}, data={"name": "d", "split": "test", "sha256": "0"})
    write_files(tmp_path, outcome)
    kept = read_saved(tmp_path).scores
    assert kept.metrics == pytest.approx(dict(found.metrics))
    assert aligned(kept, found, "a", "b").per_query["accuracy"].tolist() == found.per_query["accuracy"].tolist()


def test_the_head_sees_an_even_sample_where_texts_times_classes_are_too_many(monkeypatch):
    monkeypatch.setattr(classification, "MOST_CELLS", 5 * 50)
    found = score(Cloud(0.5), data_set())
    assert found.counts["training_texts"] == 50
    labels = ["a"] * 90 + ["b"] * 5 + ["c"] * 5
    drawn = even_sample(labels, 20, 0)
    assert sorted(labels[at] for at in drawn) == ["a"] * 10 + ["b"] * 5 + ["c"] * 5
    assert even_sample(labels, 200, 0) == list(range(100))
    assert [labels[at] for at in even_sample(labels, 1, 0, {"c"})] == ["c"]
