"""What drift counts, on a corpus of which every number can be worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from semtune.encoders.toy import ToyEncoder
from semtune.index.drift import AskedQuery, Drift, Floor, advise, find_drift
from semtune.testing import ExactCollection
from semtune.types import Document

ENCODER = ToyEncoder(512)


@pytest.fixture
def seen():
    texts = ["kettle water boil", "lantern oil light", "violin string bow", "loom thread cloth"] + [
        f"word{i} filler" for i in range(36)
    ]
    made = ExactCollection.empty(512)
    documents = [Document(f"d{i}", text) for i, text in enumerate(texts)]
    made.upsert(documents, ENCODER.encode(texts).vectors)
    with made.snapshot() as snapshot:
        yield snapshot


def judge(seen, queries, floor=0.4, **more):
    return find_drift(seen, queries, ENCODER.encode([query.text for query in queries]).vectors,
                      Floor(floor, "by hand"), **more)  # fmt: skip


def test_shares_count_how_often_a_query_was_asked(seen):
    queries = [
        AskedQuery("kettle water", 3, tokens=2),
        AskedQuery("rocket engine", 5, tokens=2, unknown=1),
        AskedQuery("lantern oil", 2, cut_tokens=4, tokens=6),
    ]
    found = judge(seen, queries, unseen=[False, True, True])
    assert (found.queries, found.asked) == (3, 10)
    assert (found.weak, found.weak_share) == (1, 0.5)
    assert (found.unseen, found.unseen_share) == (2, 0.7)
    assert (found.cut, found.cut_share) == (1, 0.2)
    assert found.unknown_token_share == pytest.approx(5 / (6 + 10 + 12))
    assert found.not_in_corpus == 1.0
    (topic,) = found.topics
    assert (topic.queries, topic.asked, topic.examples) == (1, 5, ("rocket engine",))
    assert topic.missing == ("engine", "rocket")
    assert found.median_score == pytest.approx(np.sqrt(2 / 3), abs=1e-3)


def test_weak_queries_of_one_subject_are_one_topic(seen):
    rockets = [AskedQuery(f"rocket engine fuel {word}") for word in ("pump", "tank", "nozzle")]
    found = judge(seen, [*rockets, AskedQuery("tax form number"), AskedQuery("kettle water boil")])
    assert [(topic.queries, "rocket" in topic.terms) for topic in found.topics] == [(3, True), (1, False)]


def test_a_word_that_is_in_most_documents_says_nothing(seen):
    found = judge(seen, [AskedQuery("filler rocket")], floor=0.9)
    assert found.not_in_corpus == 1.0  # "filler" is in 36 of 40 documents


def test_the_words_are_there_but_not_brought_together(seen):
    found = judge(seen, [AskedQuery("kettle violin lantern loom thread")], floor=0.99)
    assert (found.weak, found.not_in_corpus) == (1, 0.0)


def test_without_a_floor_nothing_is_weak(seen):
    assert judge(seen, [AskedQuery("rocket")], floor=None).weak == 0


USUAL = Drift(100, 1000, 0.3, "by hand", 0.6, 5, 0.05, 0.0, None, None, 0.0, 0, 0.0, ())


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({}, "nothing"),
        ({"weak": 30, "weak_share": 0.3, "not_in_corpus": 0.8}, "add documents"),
        ({"weak": 30, "weak_share": 0.3, "not_in_corpus": 0.2}, "retrain"),
        ({"weak": 3, "weak_share": 0.3}, "nothing"),
        ({"unknown_token_share": 0.3}, "another model"),
        ({"queries": 5}, "ask more"),
        ({"floor": None}, "ask more"),
    ],
)
def test_the_recommendation(changes, advice):
    word, reason = advise(replace(USUAL, **changes))
    assert word == advice
    assert reason


def test_languages_that_the_model_is_weak_in_are_counted(seen):
    queries = [AskedQuery(f"kettle water {word}", 9) for word in ("boil", "pot")]
    found = judge(seen, [*queries, AskedQuery("wasser kocht", 3, weak_language="German")])
    assert (found.weak_languages, found.weak_language_share) == ({"German": 1}, pytest.approx(3 / 21))
    assert found.recommendation == "another model"
    assert "14% of what was asked is in languages that the model is weak in (German)" in found.reason
    assert judge(seen, queries).weak_languages == {}
