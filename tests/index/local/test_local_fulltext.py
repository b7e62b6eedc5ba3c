"""Keyword search ranks as BM25 over title and text, and no query has a syntax."""

import math
from collections import Counter

import numpy as np
import pytest
from local_parts import DIMENSION, create, document, reopen, vectors

from semtune.index import terms as analysis
from semtune.index.filters import Comparison, matches
from semtune.types import Document


def bm25(documents, query, k1=1.2, b=0.75):
    """Id → score of the documents that have a term of the query, by the formula."""
    terms = {d.id: analysis.analyse(d.content, "") for d in documents}
    mean = sum(map(len, terms.values())) / len(terms)
    scores = Counter()
    for word in analysis.query_terms(query, ""):
        having = [name for name, words in terms.items() if word in words]
        idf = max(math.log((len(terms) - len(having) + 0.5) / (len(having) + 0.5)), 1e-6)
        for name in having:
            tf, length = terms[name].count(word), len(terms[name])
            scores[name] += idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / mean))
    return scores


@pytest.fixture
def filled(tmp_path, monkeypatch):
    monkeypatch.setattr(analysis, "language_of", lambda texts: "")
    rng = np.random.default_rng(5)
    documents = [document(rng, f"d{i}") for i in range(120)]
    collection = create(tmp_path / "index")
    collection.upsert(documents, vectors(rng, 120))
    gone = [f"d{i}" for i in range(0, 120, 7)]
    collection.delete(gone)
    changed = [Document("d1", "violin violin anvil", "Kettle"), Document("d2", "nothing of it", "")]
    collection.upsert(changed, vectors(rng, 2))
    kept = {d.id: d for d in documents if d.id not in gone} | {d.id: d for d in changed}
    yield collection, list(kept.values())
    collection.close()


def hold(collection, documents, query, where=None):
    want = bm25(documents, query)
    with collection.snapshot() as snapshot:
        (found,) = snapshot.keyword_search([query], 1000, where)
    passing = {d.id for d in documents if where is None or matches(where, d.metadata)}
    assert {m.id for m in found} == set(want) & passing
    np.testing.assert_allclose([m.score for m in found], [want[m.id] for m in found], rtol=1e-9)
    assert [m.score for m in found] == sorted((m.score for m in found), reverse=True)


@pytest.mark.parametrize("query", ["kettle", "violin in the cupboard", "bird bird hand", "A title", "kettle? lantern!"])
def test_scores_are_bm25(filled, query):
    hold(*filled, query)
    hold(*filled, query, Comparison("lang", "=", "de"))


def test_they_stay_so_after_a_compaction_and_a_reopening(filled, tmp_path):
    collection, documents = filled
    collection.compact()
    hold(collection, documents, "violin lantern")
    collection.close()
    again = reopen(tmp_path / "index")
    hold(again, documents, "violin lantern")
    assert again.verify() == []
    again.close()


@pytest.mark.parametrize(
    "query",
    ['"', "'", "a AND b", "NEAR(kettle)", "kettle*", "-kettle", "terms:kettle", "^", "(", "💥", "\0", '"" OR ""'],
)
def test_no_query_has_a_syntax(filled, query):
    hold(*filled, query)


def test_a_query_without_words_finds_nothing(filled):
    with filled[0].snapshot() as snapshot:
        assert snapshot.keyword_search(["", "?!", "unheard"], 5) == [[], [], []]


def test_terms_of_another_analysis_are_made_again_by_compact(filled, monkeypatch):
    collection, documents = filled
    monkeypatch.setattr(analysis, "ANALYSER", "other")
    monkeypatch.setattr(analysis, "analyse", lambda text, language="": text.upper().split())
    collection.compact()
    with collection.snapshot() as snapshot:
        (found,) = snapshot.keyword_search(["VIOLIN"], 1000)
    assert {m.id for m in found} == {d.id for d in documents if "VIOLIN" in d.content.upper().split()}
    assert collection.verify() == []


def test_the_language_is_told_again_when_there_is_more(tmp_path):
    collection = create(tmp_path / "index")
    vector = np.ones((1, DIMENSION), np.float32)
    collection.upsert([Document("x", "zxcv")], vector)
    more = [Document(f"d{i}", f"Das ist ein Satz und die Häuser sind nicht mit dem {i}") for i in range(20)]
    collection.upsert(more, np.ones((20, DIMENSION), np.float32))
    with collection.snapshot() as snapshot:
        assert snapshot.keyword_search(["Haus"], 3) == [[]]
    collection.compact()
    with collection.snapshot() as snapshot:
        assert len(snapshot.keyword_search(["Haus"], 30)[0]) == 20
    assert collection.verify() == []
    collection.close()
