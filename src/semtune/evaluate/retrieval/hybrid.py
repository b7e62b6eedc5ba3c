"""Hybrid search: the rankings of keyword and vector search combined by reciprocal rank fusion.

Cormack, Clarke & Büttcher 2009, "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods".
"""

from __future__ import annotations

from dataclasses import replace

from semtune.errors import InputError
from semtune.evaluate.retrieval.exact_search import DEPTH
from semtune.evaluate.scores import Scores, retrieval_scores
from semtune.metrics import depth_of, ranking
from semtune.types import Qrels, Query

K = 60  # the paper's constant, not tuned to any data set; the larger, the less the first ranks dominate


def score_hybrid(tuned: Scores, bm25: Scores, qrels: Qrels, k: int = K) -> Scores:
    """Fuse two results on the same queries and score the fused ranking.

    A document's score is the sum of 1 / (k + rank) over the rankings that hold it.

    Args:
        tuned: the encoder's result, from `score`.
        bm25: the result of `score_bm25` on the same split.
        qrels: of that split.
        k: the constant in the sum.

    Raises:
        InputError: the results are not rankings of the same queries.
    """
    if tuned.kind != "retrieval" or bm25.kind != "retrieval":
        raise InputError("Hybrid search needs a corpus, queries and qrels. Leave it out for pairs and classes.")
    if tuned.query_ids != bm25.query_ids:
        raise InputError(f"{tuned.model} and {bm25.model} ranked different queries. Measure both on the same split.")
    depth = max(DEPTH, depth_of(tuple(tuned.per_query)))
    run = {query: fuse([tuned.run.get(query, {}), bm25.run.get(query, {})], k, depth) for query in tuned.query_ids}
    fused = retrieval_scores(
        f"{tuned.model} + {bm25.model}",
        qrels,
        [Query(query, "") for query in tuned.query_ids],
        run,
        tuned.counts,
        fingerprint=tuned.fingerprint,
        runtime=f"{tuned.runtime} + {bm25.runtime}, reciprocal rank fusion (k = {k})",
        truncated=tuned.truncated,
        not_finite=tuned.not_finite,
        names=tuple(tuned.per_query),
    )
    return replace(fused, seconds=tuned.seconds + bm25.seconds)


def fuse(rankings: list[dict[str, float]], k: int = K, depth: int = DEPTH) -> dict[str, float]:
    """Fuse the rankings of one query, each document id → score; the best `depth`, best first."""
    fused: dict[str, float] = {}
    for scores in rankings:
        for rank, document in enumerate(ranking(scores), start=1):
            fused[document] = fused.get(document, 0.0) + 1.0 / (k + rank)
    return {document: fused[document] for document in ranking(fused, depth)}
