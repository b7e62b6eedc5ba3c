"""The whole way of texts with classes: from train.csv and test.csv to a verdict on accuracy."""

import csv
import json

import numpy as np
import pytest

import semtune
from semtune.io import read_json
from semtune.testing.toy_corpus import toy_documents
from semtune.types import LabelledText
from toy_run import STEPS, settings

TOPICS = ("oven", "bread", "fridge", "hammer", "garden")


def texts(first, each):
    """Sentences of five classes, told apart by one of six words of their own among four of all."""
    words = sorted({word for page in toy_documents(20).values() for word in page.split() if word.isalpha()})
    rng, own = np.random.default_rng(first), [words[at : at + 6] for at in range(0, 30, 6)]
    return [
        LabelledText(" ".join(rng.permutation([*rng.permutation(words[30:])[:4], own[at][i % 6]]).tolist()), topic)
        for at, topic in enumerate(TOPICS)
        for i in range(each)
    ]


def write(path, rows):
    with path.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([("text", "label"), *((row.text, row.label) for row in rows)])


@pytest.fixture(scope="module", params=["table", pytest.param("transformer", marks=pytest.mark.slow)])
def run(request, toy_model, tmp_path_factory):
    """A run with a static backbone, which is exported in no time; slow: with a transformer."""
    root = tmp_path_factory.mktemp("classes")
    if request.param == "table":
        semtune.distil(str(toy_model), "static", root / "table")
        toy_model = root / "table"
    source = root / "intents"
    source.mkdir()
    write(source / "train.csv", texts(1, 40))
    write(source / "test.csv", texts(2, 20))
    given = settings(root, toy_model, source, train={"learning_rate": 0.005, "num_train_epochs": 6})
    return root / "runs" / "toy", given, semtune.run(given)


def test_the_verdict_is_on_the_accuracy_of_all_test_texts(run):
    place, given, report = run
    assert [(step.step, step.status) for step in report.steps] == [(step, "done") for step in STEPS]
    prepared = report.result("prepare")
    assert sum(prepared["rows"].values()) + sum(prepared["dropped"].values()) == 300
    assert prepared["rows"]["test"] == 100
    evaluated = report.result("evaluate")
    assert evaluated["metric"] == "accuracy"
    assert set(evaluated["systems"]) == {"tuned", "base"}
    assert 0.3 < evaluated["systems"]["base"] <= evaluated["systems"]["tuned"]
    metrics = read_json(place / "evaluate" / "metrics.json")
    assert (metrics["kind"], metrics["n_queries"]) == ("classification", 100)
    assert set(metrics["systems"]["tuned"]) == {"accuracy", "macro_f1", "few_shot_accuracy", "few_shot_macro_f1"}
    assert "100 texts" in evaluated["sentence"]
    log = [json.loads(line) for line in (place / "train" / "log.jsonl").read_text().splitlines()]
    assert any("dev_accuracy" in row for row in log)
    assert report.result("index")["count"] == 300 - prepared["dropped"].get("duplicate text in its class", 0)
    assert {step.status for step in semtune.run(given).steps} == {"unchanged"}


def test_the_pages_speak_of_texts_and_classes(run):
    place, _, _ = run
    prepared = (place / "prepare" / "report.html").read_text(encoding="utf-8")
    for words in (
        "classes in train · dev · test",
        "texts with classes to train · dev · test",
        "5 classes",
        "distinct texts",
    ):
        assert words in prepared
    judged = (place / "evaluate" / "report.html").read_text(encoding="utf-8")
    for words in ("Few-shot accuracy", "Macro F1", "Accuracy"):
        assert words in judged


@pytest.mark.slow  # minutes: a real model on 1,500 and 1,000 texts of BANKING77
def test_banking77_gets_better(real_data, tmp_path):
    rng = np.random.default_rng(0)
    for name, count in (("train", 1_500), ("test", 1_000)):
        with (real_data / "banking77" / f"{name}.csv").open(encoding="utf-8") as source:
            rows = [LabelledText(row["text"], row["category"]) for row in csv.DictReader(source)]
        write(tmp_path / f"{name}.csv", [rows[at] for at in rng.permutation(len(rows))[:count]])
    given = {"name": "b77", "runs_dir": str(tmp_path / "runs"), "prepare": {"source": str(tmp_path)}}
    report = semtune.run({**given, "model": "all-MiniLM-L6-v2"})
    evaluated, prepared = report.result("evaluate"), report.result("prepare")
    assert prepared["rows"]["test"] == 1_000
    assert evaluated["systems"]["base"] > 0.75
    assert evaluated["systems"]["tuned"] > evaluated["systems"]["base"]
    assert evaluated["verdict"] in {"ship", "cannot-judge"}
