"""Pairs with a verdict: triplets by default, labels that stay where a loss learns from them."""

import csv

import pytest
from prepare_parts import WordTokenizer

from semtune import contract as contracts
from semtune.errors import ConfigError
from semtune.prepare.build.dataset import prepare
from semtune.prepare.build.for_evaluation import load_for_evaluation
from semtune.prepare.build.for_other_steps import training
from semtune.prepare.settings import PrepareSettings
from semtune.step import ModelRef
from semtune.train.losses import takes_labels
from semtune.train.plan import plan
from semtune.train.settings import TrainSettings
from semtune.types import LabelledPair

WORDS = ("entailment", "neutral", "contradiction")


def inference(path, count=60):
    """Each premise thrice, once a label, as NLI sets have them; one row is broken and one undecided."""
    with path.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(("premise", "hypothesis", "label"))
        for n in range(count):
            rows.writerows((f"premise number {n} stands here", f"it is {word} in case {n}", word) for word in WORDS)
        rows.writerow(("a premise", "a guess", "-"))
        rows.writerow(("a premise", "another guess", "perhaps"))
    return path


def duplicates(path, count=60):
    with path.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(("question1", "question2", "is_duplicate"))
        rows.writerows((f"how is thing {n} done", f"the way of thing {n}, or {n % 3}", n % 2) for n in range(count))
    return path


def labels(dataset):
    return {row.label for rows in dataset.labelled_pairs.values() for row in rows}


def test_labels_stay_and_pairs_with_a_common_sentence_share_a_split(tmp_path):
    found = prepare(inference(tmp_path / "nli.csv"), WordTokenizer(), 64, PrepareSettings(pair_labels="labels"))
    parts = found.labelled_pairs
    assert sum(map(len, parts.values())) == 180
    assert labels(found) == set(WORDS)
    assert LabelledPair("premise number 7 stands here", "it is neutral in case 7", "neutral") in [
        row for rows in parts.values() for row in rows
    ]
    homes = [{row.sentence1 for row in rows} for rows in parts.values()]
    assert len(homes) == 3
    assert sum(map(len, homes)) == len(set.union(*homes)) == 60
    assert found.report["counts"]["labelled pairs"] == {split: len(rows) for split, rows in parts.items()}
    dropped = found.report["dropped"]
    assert dropped["pair without an agreed label"]["count"] == 1
    assert dropped["bad row: label is not one of entailment, neutral, contradiction or 0, 1, 2"]["count"] == 1
    assert set(found.report["sample"][0]) == {"sentence1", "sentence2", "label"}


def test_the_owner_s_splits_lose_what_dev_repeats(tmp_path):
    train, dev = inference(tmp_path / "train.csv"), inference(tmp_path / "dev.csv", 5)
    found = prepare(
        {"train": str(train), "dev": str(dev)}, WordTokenizer(), 64, PrepareSettings(pair_labels="labels", test_share=0)
    )
    assert len(found.labelled_pairs["dev"]) == 15
    assert len(found.labelled_pairs["train"]) == 165
    assert found.report["dropped"]["training row: pair occurs in dev or test"]["count"] == 15


@pytest.mark.parametrize(
    ("make", "loss", "shape"),
    [
        (inference, "SoftmaxLoss", "labelled pairs"),
        (duplicates, "OnlineContrastiveLoss", "scored pairs"),
        (duplicates, "ContrastiveLoss", "scored pairs"),
        (inference, "auto", "triplets"),
        (duplicates, "auto", "scored pairs"),
    ],
)
def test_a_loss_finds_the_rows_it_learns_from(tmp_path, make, loss, shape, toy_model):
    reader = ModelRef("toy", toy_model, contracts.load(toy_model))
    rows = training(make(tmp_path / "rows.csv"), reader, 1, keep_labels=takes_labels(loss))()
    chosen = plan(rows, TrainSettings(loss=loss))
    assert chosen.shape == shape
    assert loss in ("auto", chosen.loss)


def test_triplets_are_refused_with_the_way_to_labels(tmp_path):
    found = prepare(inference(tmp_path / "nli.csv"), WordTokenizer(), 64)
    with pytest.raises(ConfigError, match=r"does not fit .*prepare\.verdicts=labels"):
        plan(found, TrainSettings(loss="SoftmaxLoss"))


def test_a_finished_table_of_labels_is_judged_as_pairs(tmp_path):
    found = load_for_evaluation(inference(tmp_path / "nli.csv"), PrepareSettings(pair_labels="labels"))
    assert len(found.labelled_pairs["test"]) == 180


def test_another_word_is_refused():
    with pytest.raises(ConfigError, match=r"verdicts='scores' is not known. Allowed: 'triplets', 'labels'"):
        PrepareSettings(pair_labels="scores")
