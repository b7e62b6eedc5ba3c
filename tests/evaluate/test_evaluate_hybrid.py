"""Reciprocal rank fusion, by hand."""

import numpy as np
import pytest

from semtune.dataset import Dataset
from semtune.encoders.toy import ToyEncoder
from semtune.errors import InputError
from semtune.evaluate.retrieval.bm25 import score_bm25
from semtune.evaluate.retrieval.hybrid import fuse, score_hybrid
from semtune.evaluate.scores import score
from semtune.types import Document, Query, ScoredPair


def test_a_document_s_score_is_the_sum_over_the_rankings_that_hold_it():
    vectors = {"a": 0.9, "b": 0.8, "c": 0.7}
    words = {"c": 12.0, "d": 3.0, "a": 1.0}
    fused = fuse([vectors, words])
    assert fused == pytest.approx({"a": 1 / 61 + 1 / 63, "c": 1 / 63 + 1 / 61, "b": 1 / 62, "d": 1 / 62})
    assert list(fused) == ["c", "a", "d", "b"]  # ties: the later id first, as in trec_eval
    assert fuse([vectors, words], k=0, depth=1) == pytest.approx({"c": 1 / 3 + 1})
    assert fuse([vectors, {}]) == pytest.approx({"a": 1 / 61, "b": 1 / 62, "c": 1 / 63})


def test_the_fused_ranking_is_judged_query_by_query():
    corpus = [Document("d1", "a kettle of iron"), Document("d2", "an iron nail"), Document("d3", "a kite")]
    queries = {"q1": Query("q1", "iron kettle"), "q2": Query("q2", "kite")}
    data = Dataset(corpus=corpus, queries=queries, qrels={"test": {"q1": {"d1": 1}, "q2": {"d2": 1}}})
    tuned, words = score(ToyEncoder(), data), score_bm25(data)
    found = score_hybrid(tuned, words, data.qrels["test"])
    assert found.query_ids == tuned.query_ids == ("q1", "q2")
    assert found.run["q1"] == fuse([tuned.run["q1"], words.run["q1"]])
    rank = 1 + sorted(found.run["q2"].values(), reverse=True).index(found.run["q2"]["d2"])
    np.testing.assert_allclose(found.per_query["ndcg@10"], [1, 1 / np.log2(rank + 1)])
    assert found.metrics.keys() == tuned.metrics.keys()
    assert found.fingerprint == tuned.fingerprint


def test_sets_without_a_search_are_refused_in_words():
    pairs = [ScoredPair("a b", "a c", 0.5), ScoredPair("a", "d", 0.2)]
    found = score(ToyEncoder(), Dataset(scored={"test": pairs}))
    with pytest.raises(InputError, match="Hybrid search needs a corpus"):
        score_hybrid(found, found, {})
