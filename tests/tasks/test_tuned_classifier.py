"""The encoder tuned on examples: kept where held-out examples prove it, and used by the saved classifier."""

import csv
import json

import numpy as np
import pytest

import semtune
from semtune.errors import InputError
from semtune.io import read_json
from semtune.metrics import Comparison, compare_means
from semtune.tasks.classify.classifier import FILE, MODEL, Classifier, Example
from semtune.tasks.classify.examples import ReadExamples
from semtune.tasks.classify.settings import ClassifySettings
from semtune.testing.toy_corpus import toy_documents
from semtune.testing.toy_model import write_toy_model
from semtune.tuned_classifier import in_words

WORDS = ["kettle", "pan", "stove", "lid", "oven", "rake", "lawn", "rose", "leaf", "tulip"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny transformer with random weights: its vectors say little of the classes."""
    texts = [*toy_documents(20).values(), *WORDS]
    return write_toy_model(tmp_path_factory.mktemp("base") / "toy", texts)


def table(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return str(path)


def rows(count, seed):
    """Texts of two classes that differ in the order of two words only, among words that say nothing."""
    rng = np.random.default_rng(seed)
    found = {}
    while len(found) < count:
        label = len(found) % 2
        noise = rng.choice(WORDS[2:], 3).tolist()
        found[" ".join([*noise[:2], WORDS[label], noise[2]])] = ("kitchen", "garden")[label]
    return list(found.items())


def test_what_tuning_changed_is_said_in_words():
    better, same = compare_means([1.0] * 40, [0.0] * 40), compare_means([1.0, 0.0] * 20, [0.0, 1.0] * 20)
    assert in_words(better).endswith("by +1.000 [+1.000, +1.000]: the tuned encoder is kept")
    assert in_words(same).endswith("the encoder is kept as it is")


def test_tuning_needs_a_place_for_the_model():
    with pytest.raises(semtune.ConfigError, match="the tuned model needs a place"):
        ClassifySettings(examples="e.csv", tune=True)


@pytest.mark.parametrize(
    ("extra", "words"),
    [([("a b", "kitchen|garden")], "here a text has several"), ([("alone", "music")], "A class has a single example")],
)
def test_examples_that_cannot_judge_are_refused(model, tmp_path, extra, words):
    examples = table(tmp_path / "e.csv", [*rows(12, 0), *extra])
    settings = ClassifySettings(examples=examples, save=str(tmp_path / "c"), tune=True)
    with pytest.raises(InputError, match=words):
        semtune.classify(str(model), examples, settings)
    assert not (tmp_path / "c").exists()


@pytest.mark.slow
def test_a_tuned_encoder_that_pays_is_kept_in_the_classifier(model, tmp_path, monkeypatch):
    monkeypatch.setattr("semtune.tuned_classifier.compare_means", lambda *_, **__: Comparison(0.1, 0.05, 0.15, 0.01))
    examples, asked = table(tmp_path / "e.csv", rows(240, 0)), table(tmp_path / "asked.csv", rows(40, 1))
    save = tmp_path / "c"
    settings = ClassifySettings(examples=examples, save=str(save), column="text", tune=True)
    made = semtune.classify(str(model), asked, settings)
    tuning = made.facts["tuning"]
    assert tuning == {"trials": 3, "gain": 0.1, "low": 0.05, "high": 0.15, "p_value": 0.01, "kept": True}
    assert (save / MODEL / "model.onnx").is_file()
    assert read_json(save / FILE)["base"] == semtune.load_encoder(str(model)).contract.fingerprint
    again = semtune.classify(str(model), asked, ClassifySettings(classifier=str(save), column="text"))
    assert again.rows == made.rows
    own = semtune.classify(str(save / MODEL), asked, ClassifySettings(classifier=str(save), column="text"))
    assert own.rows == made.rows
    gold = [label for _, label in rows(40, 1)]
    accuracy = np.mean([row["label"] == label for row, label in zip(made.rows, gold, strict=True)])
    assert accuracy > 0.9
    assert accuracy == pytest.approx(made.facts["held_out_accuracy"], abs=0.15)
    assert not list(tmp_path.glob(".c.*"))
    other = write_toy_model(tmp_path / "other", WORDS)
    with pytest.raises(semtune.ContractError, match="Use that model"):
        semtune.classify(str(other), asked, ClassifySettings(classifier=str(save), column="text"))


@pytest.mark.slow
def test_a_tuned_encoder_that_does_not_pay_is_told_and_not_kept(model, tmp_path, monkeypatch):
    monkeypatch.setattr("semtune.tuned_classifier.compare_means", lambda *_, **__: Comparison(0.01, -0.02, 0.04, 0.4))
    examples, plain = table(tmp_path / "e.csv", rows(60, 0)), tmp_path / "plain"
    semtune.classify(str(model), examples, ClassifySettings(examples=examples, save=str(plain), column="text"))
    tried = ClassifySettings(examples=examples, save=str(tmp_path / "c"), column="text", tune=True)
    made = semtune.classify(str(model), examples, tried)
    assert made.facts["tuning"]["kept"] is False
    assert not (tmp_path / "c" / MODEL).exists()
    kept, usual = Classifier.open(tmp_path / "c"), Classifier.open(plain)
    assert np.array_equal(kept.head.weights, usual.head.weights)
    assert kept.facts["tuning"] == made.facts["tuning"]


def test_a_classifier_without_a_base_opens(tmp_path):
    """Classifiers of the first format have no such key."""
    from semtune.encoders.toy import ToyEncoder
    from semtune.tasks.classify.fit import make_classifier

    examples = [Example(text, (label,)) for text, label in rows(12, 0)]
    make_classifier(ToyEncoder(32), ReadExamples(examples, False, {}, [])).save(tmp_path / "c")
    values = read_json(tmp_path / "c" / FILE)
    del values["base"]
    (tmp_path / "c" / FILE).write_text(json.dumps(values))
    assert Classifier.open(tmp_path / "c").base == ""
