"""Feedback becomes training pairs and negatives, and never reaches dev or test."""

import json

import pytest

from semtune.dataset import Dataset
from semtune.errors import ConfigError, InputError
from semtune.prepare.drop_log import Tally, by_reason
from semtune.prepare.questions.feedback import add_feedback
from semtune.prepare.settings import PrepareSettings
from semtune.text import key, short_id
from semtune.types import Document, Pair, Query

TEXTS = {
    "kettle": "Mend a copper kettle with solder and a hot iron.",
    "zebra": "Zebras cross the wide savannah in herds of hundreds.",
    "zip": "Compressed archives hold many files under one name.",
    "held": "Volcanoes throw ash and molten rock into the sky.",
    "bread": "Knead the dough, let it rise and bake the loaf.",
}

HELD = "which things do the great volcanoes of the southern islands throw into the sky in a dry summer"


def made(negatives=()):
    """A data set with one pair in train and one question in test."""
    texts = [Document(id_, text, metadata={"group": id_}) for id_, text in TEXTS.items()]
    queries = {"q1": Query("q1", "fix a kettle"), "q2": Query("q2", HELD)}
    return Dataset(
        texts, queries, {"train": {"q1": {"kettle": 1}}, "test": {"q2": {"held": 1}}},
        {"train": [Pair("fix a kettle", TEXTS["kettle"], negatives)], "test": [Pair(HELD, TEXTS["held"])]},
    )  # fmt: skip


def used(tmp_path, rows, dataset=None, **settings):
    """What comes of lines of feedback: the data set, what was used, and what was left out by reason."""
    file = tmp_path / "feedback.jsonl"
    file.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    dataset, tally = dataset or made(), Tally()
    found = add_feedback(dataset, PrepareSettings(feedback=str(file), **settings), tally)
    return dataset, found, {name.removeprefix("feedback: "): n for name, n in by_reason(tally.dropped).items()}, tally


def said(query, id_, useful=True, **more):
    return {"query": query, "id": id_, "useful": useful, "time": "x", **more}


def test_a_useful_answer_is_a_pair_and_a_useless_one_its_negative(tmp_path):
    rows = [said("striped  animals", "zebra"), said("Striped animals", "bread", False), said("open an archive", "zip")]
    dataset, found, left, _ = used(tmp_path, rows, hard_negatives=1)
    assert dataset.pairs["train"][1:] == [
        Pair("striped animals", TEXTS["zebra"], (TEXTS["bread"],)),
        Pair("open an archive", TEXTS["zip"]),
    ]
    assert (found, left) == ({"answers": 3, "pairs": 2, "negatives": 1}, {})
    query = short_id("q", "striped animals")
    assert dataset.qrels["train"][query] == {"zebra": 1, "bread": 0}
    assert dataset.queries[query].metadata == {"split": "train", "source": "feedback", "group": "zebra"}
    assert dataset.qrels["test"] == made().qrels["test"]
    assert dataset.pairs["test"] == made().pairs["test"]


def test_a_useless_answer_to_a_question_of_train_is_its_negative(tmp_path):
    dataset, found, left, tally = used(tmp_path, [said("Fix a kettle", "zebra", False), said("alone", "zip", False)])
    assert dataset.pairs["train"] == [Pair("fix a kettle", TEXTS["kettle"], (TEXTS["zebra"],))]
    assert found["negatives"] == 1
    assert left == {"a useless answer to a question without a useful one": 1}
    assert not tally.warnings


def test_nothing_of_dev_or_test_gets_into_train(tmp_path):
    rows = [
        said(HELD.upper().replace(" ", "  "), "zebra"),
        said(HELD + " please", "zip"),  # a near duplicate
        said("ash in the sky", "held"),
        said("fix a kettle", "held", False),
    ]
    dataset, found, left, _ = used(tmp_path, rows)
    assert dataset.pairs["train"] == made().pairs["train"]
    assert found["pairs"] == found["negatives"] == 0
    assert left["a question of dev or test"] == 1
    assert left["a document that answers dev or test"] == 2
    assert left["training label: question is a near duplicate of one in dev or test"] == 1
    held = {key(query.text) for id_, query in dataset.queries.items() if id_ in dataset.qrels["test"]}
    assert not held & {key(pair.anchor) for pair in dataset.pairs["train"]}


def test_the_majority_counts_and_a_tie_is_left_out(tmp_path):
    rows = [said("a herd", "zebra"), said("a herd", "zebra"), said("a herd", "zebra", False)]
    rows += [said("a loaf", "bread"), said("a loaf", "bread", False)]
    dataset, _, left, _ = used(tmp_path, rows)
    assert [pair.anchor for pair in dataset.pairs["train"][1:]] == ["a herd"]
    assert left == {"as many say useful as useless": 1}


@pytest.mark.parametrize(("clicks", "needed", "pairs"), [(1, 2, 0), (2, 2, 1), (5, 0, 0), (1, 1, 1)])
def test_enough_clicks_are_one_judgement(tmp_path, clicks, needed, pairs):
    rows = [{"query": "a herd", "id": "zebra", "kind": "click", "rank": 2}] * clicks
    _, found, left, _ = used(tmp_path, rows, feedback_clicks=needed)
    assert found["pairs"] == pairs
    assert sum(left.values()) == 1 - pairs


def test_a_judgement_outweighs_clicks(tmp_path):
    rows = [{"query": "a herd", "id": "zebra", "kind": "click"}] * 5 + [said("a herd", "zebra", False)]
    assert used(tmp_path, rows)[1]["pairs"] == 0


def test_what_cannot_be_used_is_counted_by_reason(tmp_path):
    rows = [
        said("a", "gone"),
        said("b", "zebra", content=short_id("c", "other words")),
        said("a herd", "zebra", content=short_id("c", TEXTS["zebra"])),
        said("fix a kettle", "kettle"),
        {"query": "c"},
        {"query": 3, "id": "zip", "useful": True},
        said("x" * 2001, "zip"),
        said("half \ud800", "zip"),
        "broken",
        "[1]",
        "",
    ]
    dataset, found, left, _ = used(tmp_path, rows)
    assert [pair.anchor for pair in dataset.pairs["train"][1:]] == ["a herd"]
    assert left == {
        "a document that is not there": 1,
        "the document has other words now": 1,
        "a pair that is there already": 1,
        "a line without query, id or judgement": 2,
        "a question of more than 2,000 characters or half of one": 2,
        "a line that is no JSON object": 2,
    }
    assert found["answers"] == 4


def test_negatives_that_training_would_not_use_are_said(tmp_path):
    rows = [said("a herd", "zebra"), said("a herd", "bread", False)]
    assert "Set prepare.hard_negatives: 1" in " ".join(used(tmp_path, rows)[3].warnings)
    assert not used(tmp_path, rows, hard_negatives=1)[3].warnings


def test_pairs_do_not_cost_the_others_their_negatives(tmp_path):
    rows = [said("a herd", "zebra"), said("a loaf", "bread"), said("a loaf", "zip", False)]
    dataset, found, left, _ = used(tmp_path, rows, made((TEXTS["bread"],)))
    assert [pair.anchor for pair in dataset.pairs["train"]] == ["fix a kettle", "a loaf"]
    assert found["pairs"] == 1
    assert left == {"fewer negatives than the 1 of the other pairs; set hard_negatives to find some": 1}


def test_without_a_file_or_documents_it_is_refused_in_words(tmp_path):
    with pytest.raises(InputError, match="no file of feedback"):
        add_feedback(made(), PrepareSettings(feedback=str(tmp_path / "none")), Tally())
    with pytest.raises(ConfigError, match="pairs of questions and passages"):
        used(tmp_path, [said("a", "b")], Dataset())
    assert add_feedback(made(), PrepareSettings(), Tally()) is None
