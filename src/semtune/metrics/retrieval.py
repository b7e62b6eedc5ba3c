"""Retrieval metrics, with trec_eval's definitions and ties.

Values equal those of trec_eval (through pytrec_eval); the tests check this to 1e-6.
nDCG: Järvelin & Kekäläinen 2002, with trec_eval's linear gain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from semtune.types import Qrels, Run

Scores = NDArray[np.float64]  # (n,) one value per query


def ranking(scores: Mapping[str, float], k: int | None = None) -> list[str]:
    """Document ids by falling score; ties by falling id, as trec_eval breaks them.

    trec_eval keeps scores in single precision. Doubles that are equal in single precision are tied there, so they are
    tied here too.
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
    """One over the rank of the first relevant document within the first k; 0 if there is none."""
    return next((1.0 / rank for rank, doc in enumerate(ranked[:k], start=1) if relevance.get(doc, 0) > 0), 0.0)


def recall(relevance: Mapping[str, int], ranked: Sequence[str], k: int) -> float:
    """Share of the relevant documents that are among the first k."""
    relevant = sum(grade > 0 for grade in relevance.values())
    return sum(relevance.get(doc, 0) > 0 for doc in ranked[:k]) / relevant if relevant else 0.0


def precision(relevance: Mapping[str, int], ranked: Sequence[str], k: int) -> float:
    """Share of relevant documents among the first k; missing documents count as not relevant."""
    return sum(relevance.get(doc, 0) > 0 for doc in ranked[:k]) / k


def hit(relevance: Mapping[str, int], ranked: Sequence[str], k: int) -> float:
    """1 if there is a relevant document among the first k, else 0; trec_eval calls it success."""
    return float(any(relevance.get(doc, 0) > 0 for doc in ranked[:k]))


def average_precision_at(relevance: Mapping[str, int], ranked: Sequence[str], k: int) -> float:
    """Mean over the relevant documents of the precision at their rank; 0 for those that are not among the first k."""
    relevant = sum(grade > 0 for grade in relevance.values())
    found, total = 0, 0.0
    for rank, doc in enumerate(ranked[:k], start=1):
        if relevance.get(doc, 0) > 0:
            found += 1
            total += found / rank
    return total / relevant if relevant else 0.0


MEASURES: dict[str, Callable[[Mapping[str, int], Sequence[str], int], float]] = {
    "ndcg": ndcg, "mrr": mrr, "map": average_precision_at, "recall": recall, "precision": precision, "hit": hit,
}  # fmt: skip
RETRIEVAL = (
    "ndcg@10", "mrr@10", "map@100", "recall@1", "recall@5", "recall@10", "recall@100", "precision@10", "hit@10",
)  # fmt: skip
ALWAYS = RETRIEVAL[:3]


def measures_at(ks: Sequence[int]) -> tuple[str, ...]:
    """Names of every measure at every k, such as "recall@3"; nDCG@10, MRR@10 and MAP@100 are always among them.

    Without any k these are the usual measures.
    """
    return tuple(dict.fromkeys([*ALWAYS, *(f"{name}@{k}" for name in MEASURES for k in ks)])) if ks else RETRIEVAL


def depth_of(names: Sequence[str]) -> int:
    """The largest k of these measures: how many documents each query needs."""
    return max(int(name.partition("@")[2]) for name in names)


def retrieval(qrels: Qrels, run: Run, names: Sequence[str] = RETRIEVAL) -> dict[str, Scores]:
    """Every measure for every query that has a relevant document, in the order of `qrels`.

    A query without an answer in the run counts as 0. Returns measure → (queries,) values.
    """
    judged = [query for query, row in qrels.items() if any(grade > 0 for grade in row.values())]
    deepest = depth_of(names)
    ranked = {query: ranking(run.get(query, {}), deepest) for query in judged}
    found: dict[str, Scores] = {}
    for name in names:
        measure, k = MEASURES[name.partition("@")[0]], int(name.partition("@")[2])
        found[name] = np.array([measure(qrels[query], ranked[query], k) for query in judged])
    return found
