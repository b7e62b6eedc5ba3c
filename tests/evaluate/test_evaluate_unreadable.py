"""Queries and documents that a model cannot read are warned of: what is measured on them says nothing."""

from types import SimpleNamespace

from semtune.dataset import Dataset
from semtune.encoders.toy import ToyEncoder
from semtune.errors import ModelError
from semtune.evaluate.verdict.outcome import conclude
from semtune.evaluate.verdict.unreadable_texts import unreadable_texts
from semtune.types import Document, LabelledText, Query, ScoredPair

THAI = "ภาษา ไทย ล้วน"


class Reader(ToyEncoder):
    """Knows words in ASCII."""

    def tokenizer(self, role):
        return SimpleNamespace(
            unknown_shares=lambda texts: [
                sum(not word.isascii() for word in text.split()) / len(text.split()) for text in texts
            ]
        )


class Strange(ToyEncoder):
    def tokenizer(self, role):
        raise ModelError("another tokenizer")


def retrieval(queries, documents):
    ids = [f"q{number}" for number in range(len(queries))]
    return Dataset(
        corpus=[Document(f"d{number}", text) for number, text in enumerate(documents)],
        queries={name: Query(name, text) for name, text in zip(ids, queries, strict=True)},
        qrels={"test": {name: {"d0": 1} for name in ids}},
    )


def test_queries_and_documents_are_counted_each():
    said = unreadable_texts(Reader(), retrieval([THAI, "a kettle"], ["a lantern", THAI, THAI]), "test")
    assert [sentence[:60] for sentence in said] == [
        "The model cannot read 1 of 2 queries of the test set (e.g. ภ"[:60],
        "The model cannot read 2 of 3 documents (e.g. ภาษา ไทย ล้วน): it"[:60],
    ]


def test_nothing_is_said_of_readable_texts_or_where_it_cannot_be_told():
    assert unreadable_texts(Reader(), retrieval(["a kettle"], ["a lantern"]), "test") == []
    assert unreadable_texts(ToyEncoder(), retrieval([THAI], [THAI]), "test") == []
    assert unreadable_texts(Strange(), retrieval([THAI], [THAI]), "test") == []


def test_pairs_and_classes_are_looked_at_too():
    pairs = Dataset(scored={"test": [ScoredPair("a kettle", THAI, 0.5)]})
    assert "1 of 2 texts of the test set" in unreadable_texts(Reader(), pairs, "test")[0]
    classes = Dataset(labelled_texts={"test": [LabelledText(THAI, "a"), LabelledText("b", "b")]})
    assert "1 of 2 texts of the test set" in unreadable_texts(Reader(), classes, "test")[0]


def test_the_outcome_says_it_first():
    from semtune.evaluate.scores import score

    found = score(ToyEncoder(), retrieval(["a kettle"], ["a kettle", "a lantern"]), "test")
    outcome = conclude(found, unread=["They cannot be read."])
    assert outcome.warnings[0] == "They cannot be read."
