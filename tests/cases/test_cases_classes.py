"""Texts with classes: people's splits stay, what leaks is counted, and bad labels are named. Values worked out by hand."""

import json
from collections import Counter

import pytest

from semtune import contract as contracts
from semtune import dataset as datasets
from semtune.encoders.tokenizer import Tokenizer
from semtune.errors import InputError
from semtune.prepare.build.dataset import prepare
from semtune.prepare.build.for_evaluation import load_for_evaluation
from semtune.prepare.build.from_classes import build_classes
from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.sniff import sniff
from semtune.prepare.records import ClassRows, Labelled
from semtune.prepare.settings import PrepareSettings
from semtune.prepare.split.audit import audit
from semtune.prepare.split.by_class import split_by_class
from semtune.prepare.split.leaks import find_leaks
from semtune.types import LabelledText

WORDS = [
    "anvil",
    "birch",
    "candle",
    "dynamo",
    "ember",
    "falcon",
    "granite",
    "hammer",
    "iris",
    "jigsaw",
    "kettle",
    "lantern",
]


@pytest.fixture(scope="module")
def tokenizer(toy_model):
    return Tokenizer(toy_model, contracts.load(toy_model))


def table(path, rows, columns="text,label"):
    path.write_text(columns + "\n" + "".join(f"{text},{label}\n" for text, label in rows), encoding="utf-8")


def made(source, tokenizer, seed=0, **settings):
    return prepare(source, tokenizer, 32, PrepareSettings(**settings), seed)


def dropped(data):
    return {reason: entry["count"] for reason, entry in data.report["dropped"].items()}


def texts(data, split):
    return [(row.text, row.label) for row in data.labelled_texts.get(split, [])]


def rows_of(labels, each, tag=""):
    """Texts without a common word triple: a class's number, a word and a number."""
    return [(f"{WORDS[i % 12]}{i} {label} {tag}{i * 7919}", label) for label in labels for i in range(each)]


def test_a_split_that_people_made_is_kept_and_every_text_is_used(tmp_path, tokenizer):
    train, test = rows_of("abcd", 40), rows_of("abcd", 30, "t")
    table(tmp_path / "train.csv", train)
    table(tmp_path / "test.csv", test)
    data = made(tmp_path, tokenizer)
    assert texts(data, "test") == test
    assert sorted(texts(data, "train") + texts(data, "dev")) == sorted(train)
    assert Counter(label for _, label in texts(data, "dev")) == {"a": 4, "b": 4, "c": 4, "d": 4}
    assert (data.qrels, data.pairs, data.scored, dropped(data)) == ({}, {}, {}, {})
    assert data.report["counts"]["texts with classes"] == {"train": 144, "dev": 16, "test": 120}
    assert data.report["counts"]["classes"] == {"train": 4, "dev": 4, "test": 4}
    assert len(data.corpus) == 280
    assert data.corpus[0].metadata == {"label": "a"}
    assert data.report["warnings"] == []


def test_what_leaks_is_dropped_from_train_and_counted(tmp_path, tokenizer):
    table(tmp_path / "train.csv", [
        *rows_of("ab", 10), ("Where  is MY card", "a"), ("where is my card today you all said it came", "b"),
        ("lost it", "a"), ("Lost it", "a"), ("lost it", "b"),
    ])  # fmt: skip
    table(tmp_path / "dev.csv", [("dev one here", "a"), ("where is my card", "a"), ("dev two there", "b")])
    table(tmp_path / "test.csv", [
        ("where is my card", "a"), ("where is my card today you all said it comes", "b"), ("where is my card", "a"),
    ])  # fmt: skip
    data = made(tmp_path, tokenizer)
    assert dropped(data) == {
        "dev row: text occurs in test": 1,
        "training row: text occurs in dev or test": 1,
        "duplicate text in its class": 1,
        "text that an earlier row has in another class": 1,
        "training row: near duplicate of a text in dev or test": 1,
    }
    assert texts(data, "train") == [*rows_of("ab", 10), ("lost it", "a")]
    assert texts(data, "dev") == [("dev one here", "a"), ("dev two there", "b")]
    assert len(texts(data, "test")) == 3  # as people wrote it, its repetition too
    assert data.report["counts"]["texts of test that occur in it before, kept as they are"] == 1
    assert data.report["leaks"]["removed"] == 2
    assert data.report["leaks"]["found"] == 0
    assert "Only 3 test texts" in data.report["warnings"][0]


def test_leaks_of_a_finished_split_are_found(tmp_path):
    table(tmp_path / "train.csv", [("Where is my card", "a"), ("other", "b")])
    table(tmp_path / "test.csv", [("where is  my card", "a"), ("more", "b")])
    assert audit(tmp_path).found["labelled text"] == 1
    assert not audit(tmp_path).passes(0.0)
    assert find_leaks(load_for_evaluation(tmp_path)).found["labelled text"] == 1


def test_without_a_split_every_class_gets_its_share_by_a_seeded_hash(tmp_path, tokenizer):
    rows = rows_of("abc", 50)
    table(tmp_path / "all.csv", rows)
    data = made(tmp_path / "all.csv", tokenizer)
    for split, each in (("train", 40), ("dev", 5), ("test", 5)):
        assert Counter(label for _, label in texts(data, split)) == dict.fromkeys("abc", each)
    assert sorted(row for split in ("train", "dev", "test") for row in texts(data, split)) == sorted(rows)
    assert texts(made(tmp_path / "all.csv", tokenizer), "test") == texts(data, "test")
    assert texts(made(tmp_path / "all.csv", tokenizer, seed=1), "test") != texts(data, "test")
    assert "test" not in made(tmp_path / "all.csv", tokenizer, test_share=0.0).labelled_texts


def test_near_duplicates_stay_in_one_split_and_small_classes_share_the_fractions():
    near = [LabelledText(f"please tell me now where on earth my new card number nine is {word}", "a") for word in WORDS]
    far = [LabelledText(f"{word} {i} {i * 31}", "a") for i, word in enumerate(WORDS * 4)]
    tally = Tally()
    found = split_by_class([*near, *far], {"dev": 0.1, "test": 0.1}, 0, tally)
    assert sum(any(row in rows for row in near) for rows in found.values()) == 1
    assert (len(found["dev"]), len(found["test"])) == (6, 6)
    assert tally.counts["near-duplicate texts, kept in one split"] > 0
    # Two texts a class: every fifth class gives one to each split that wants a tenth, and half stays in train;
    # so the class that owes one to both gives one, and the last one is still owed at the end.
    small = [LabelledText(f"{label} {word}", f"c{label}") for label in range(5000) for word in ("x", "y")]
    split = split_by_class(small, {"dev": 0.1, "test": 0.1}, 0, Tally())
    assert {name: len(rows) for name, rows in split.items()} == {"train": 8001, "dev": 1000, "test": 999}
    assert len({row.label for row in split["train"]}) == 5000
    # A class of one text is trained on only.
    lonely = split_by_class([LabelledText(f"{i}", f"{i}") for i in range(99)], {"test": 0.5}, 0, Tally())
    assert (len(lonely["train"]), lonely["test"]) == (99, [])


def test_classes_only_in_test_and_single_texts_are_named(tmp_path, tokenizer):
    table(tmp_path / "train.csv", [*rows_of("ab", 20), ("only one of it", "c")])
    table(tmp_path / "test.csv", [*rows_of("ab", 30, "t"), ("new one", "x"), ("newer two", "x"), ("third three", "y")])
    data = made(tmp_path, tokenizer)
    assert len(texts(data, "test")) == 63
    assert data.report["warnings"] == [
        "Train has no text of 2 classes of test ('x', 'y'): 3 of the 63 texts of test. They stay there, and are left "
        "out when a classifier is judged."
    ]
    assert data.report["counts"]["classes with a single text in train"] == 1
    assert ("only one of it", "c") in texts(data, "train")


@pytest.mark.parametrize(("files", "words"), [
    ({"train": [("a b", "x"), ("c d", "x")], "test": [("e f", "x")]}, "All 2 texts to train on are of the class 'x'"),
    ({"train": [("a b", "1"), ("c d", "2")]}, "Each of the 2 texts to train on has a class of its own ('1', '2')"),
    ({"test": [("a b", "x"), ("c d", "y")]}, "The source has files for test, but none for train"),
    ({"train": [("a b", "x")], "test": [("A b", "x")]}, "No text is left to train on: all occur in dev or test"),
])  # fmt: skip
def test_nothing_to_learn_is_refused(files, words, tmp_path, tokenizer):
    for split, rows in files.items():
        table(tmp_path / f"{split}.csv", rows)
    with pytest.raises(InputError) as error:
        made({split: str(tmp_path / f"{split}.csv") for split in files}, tokenizer, dev_share=0.0, test_share=0.0)
    assert words in str(error.value)


def test_a_test_part_alone_is_not_split_again():
    with pytest.raises(InputError, match=r"no train part, only test: .* judge a model on it as it is"):
        build_classes(ClassRows({"test": [Labelled(1, "a b", "x")]}), PrepareSettings(), 0, Tally())


def test_numbers_empty_cells_and_several_labels(tmp_path, tokenizer):
    table(tmp_path / "train.csv", [*[(t, {"a": "1", "b": "2.0"}[c]) for t, c in rows_of("ab", 30)], ("nothing", "")])
    table(tmp_path / "test.csv", [(t, {"a": "1.0", "b": "2"}[c]) for t, c in rows_of("ab", 30, "t")])
    data = made(tmp_path, tokenizer)
    assert data.report["counts"]["classes"] == {"train": 2, "dev": 2, "test": 2}
    assert {label for _, label in texts(data, "train")} == {"1", "2"}
    assert dropped(data) == {"bad row: no label": 1}

    rows = [{"text": text, "label": [label]} for text, label in rows_of("ab", 20)]
    lines = [*rows, {"text": "both of them", "label": ["a", "b"]}]
    (tmp_path / "lists.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    data = made(tmp_path / "lists.jsonl", tokenizer)
    assert dropped(data) == {"bad row: several labels; one class a text is needed": 1}
    assert sum(data.report["counts"]["texts with classes"].values()) == 40

    table(tmp_path / "bars.csv", [(t, {"a": "red", "b": "red|blue", "c": "blue"}[c]) for t, c in rows_of("abc", 20)])
    data = made(tmp_path / "bars.csv", tokenizer)
    assert max(data.report["counts"]["classes"].values()) == 3
    assert any(
        "20 texts seem to have several classes in one cell, e.g. 'red|blue'" in w for w in data.report["warnings"]
    )

    table(
        tmp_path / "scores.csv",
        [(f"{w} {i}", f"0.{i}{j}") for j in range(9) for i, w in enumerate(WORDS)] + [("k", "0.00")],
    )
    data = made(tmp_path / "scores.csv", tokenizer)
    assert any("have a single text in train" in warning for warning in data.report["warnings"])


def test_the_data_set_is_plain_rows_that_open_again_and_old_ones_still_do(tmp_path, tokenizer):
    table(tmp_path / "train.csv", rows_of("ab", 30), "text,category")
    data = made(tmp_path / "train.csv", tokenizer)
    datasets.save(data, tmp_path / "set")
    assert json.loads((tmp_path / "set" / "train.jsonl").read_text().splitlines()[0]).keys() == {"text", "label"}
    again = datasets.load(tmp_path / "set")
    assert (again.labelled_texts, again.corpus) == (data.labelled_texts, data.corpus)
    assert sniff(tmp_path / "train.csv").description == (
        "a table of texts with a class, for a classifier on top of the embeddings"
    )
