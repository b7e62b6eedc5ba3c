"""Retrieval metrics, with trec_eval's definitions and ties.

Values equal those of trec_eval (through pytrec_eval); the tests hold them to 1e-6.
nDCG: Järvelin & Kekäläinen 2002, with trec_eval's linear gain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from semtune.types import Qrels, Run

Scores = NDArray[np.float64]  # (n,) one value a query


def ranking(scores: Mapping[str, float], k: int | None = None) -> list[str]:
    """Document ids by falling score; ties by falling id, as trec_eval breaks them.

    trec_eval holds scores in single precision: doubles closer than that tie there, and so they do here.
    """
    with np.errstate(over="ignore"):
        single = dict(zip(scores, np.fromiter(scores.values(), np.float32, len(scores)).tolist(), strict=True))
    order = sorted(single, key=lambda doc: (single[doc], doc), reverse=True)
    return order if k is None else order[:k]


def ndcg(relevance: Mapping[str, int], ranked: Sequence[str], k: int) -> float:
    """Normalised discounted cumulative gain at k, gain = grade, discount = log2(rank + 1)."""
    gains = [max(relevance.get(doc, 0), 0) for doc in ranked[:k]]
    ideal = sorted((grade for grade in relevance.values() if grade > 0), reverse=True)[:k]
    best = _dcg(ideal)
    return _dcg(gains) / best if best else 0.0


def _dcg(gains: Sequence[float]) -> float:
    return float(sum(gain / np.log2(rank + 1) for rank, gain in enumerate(gains, start=1)))


def mrr(relevance: Mapping[str, int], ranked: Sequence[str], k: int) -> float:
    """One over the rank of the first relevant document within k; 0 if there is none."""
    return next((1.0 / rank for rank, doc in enumerate(ranked[:k], start=1) if relevance.get(doc, 0) > 0), 0.0)


def recall(relevance: Mapping[str, int], ranked: Sequence[str], k: int) -> float:
    """Share of the relevant documents found within k."""
    relevant = sum(grade > 0 for grade in relevance.values())
    return sum(relevance.get(doc, 0) > 0 for doc in ranked[:k]) / relevant if relevant else 0.0


RETRIEVAL: dict[str, tuple[Callable[[Mapping[str, int], Sequence[str], int], float], int]] = {
    "ndcg@10": (ndcg, 10),
    "mrr@10": (mrr, 10),
    "recall@1": (recall, 1),
    "recall@5": (recall, 5),
    "recall@10": (recall, 10),
    "recall@100": (recall, 100),
}


def retrieval(qrels: Qrels, run: Run) -> dict[str, Scores]:
    """Every retrieval metric for every query that has a relevant document, in the order of `qrels`.

    A query that the run does not answer counts as 0. Returns metric name → (queries,) values.
    """
    judged = [query for query, row in qrels.items() if any(grade > 0 for grade in row.values())]
    ranked = {query: ranking(run.get(query, {}), 100) for query in judged}
    return {
        name: np.array([measure(qrels[query], ranked[query], k) for query in judged])
        for name, (measure, k) in RETRIEVAL.items()
    }
