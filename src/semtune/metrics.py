"""Retrieval and similarity metrics, and the statistics of comparing two systems.

Values equal those of trec_eval (through pytrec_eval) and scipy; the tests hold them to 1e-6. Sources:
nDCG: Järvelin & Kekäläinen 2002, with trec_eval's linear gain; paired bootstrap and randomisation test:
Smucker, Allan & Carterette 2007, "A comparison of statistical significance tests for IR evaluation".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semtune.types import Embeddings, Qrels, Run

Scores = NDArray[np.float64]  # (n,) one value a query
SHORTEST = 1e-12  # what a vector's length is at least taken for: torch's own bound


def unit(vectors: Embeddings) -> Embeddings:
    """(n, dim) vectors of length 1, so that inner products are cosines; those of length 0 stay."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), SHORTEST)


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


def ranks(values: Sequence[float] | Scores) -> Scores:
    """Ranks from 1, ties sharing their mean rank."""
    array = np.asarray(values, dtype=np.float64)
    _, inverse, counts = np.unique(array, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return ((last - counts + 1 + last) / 2.0)[inverse]


def pearson(a: Sequence[float] | Scores, b: Sequence[float] | Scores) -> float:
    """Pearson's correlation; NaN when one side is constant."""
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    x, y = x - x.mean(), y - y.mean()
    norm = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / norm if norm > 0 else float("nan")


def spearman(a: Sequence[float] | Scores, b: Sequence[float] | Scores) -> float:
    """Spearman's rho: Pearson's correlation of the ranks; NaN when one side is constant."""
    return pearson(ranks(a), ranks(b))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of system A over system B: mean gain, its 95 % interval, and how likely chance alone gives as much."""

    gain: float
    low: float
    high: float
    p_value: float


def compare_means(a: Scores, b: Scores, seed: int = 0, samples: int = 10_000) -> Comparison:
    """Compare two systems on the same queries: paired bootstrap interval and randomisation test.

    Args:
        a: a metric's value a query, (n,).
        b: the other system's, in the same order.
        seed: of the resampling.
        samples: bootstrap samples and sign flips.
    """
    difference = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    rng = np.random.default_rng(seed)
    n, gain = len(difference), float(difference.mean())
    means = np.empty(samples)
    extreme = 0
    for start in range(0, samples, 500):  # blocks: (500, n) stays small for thousands of queries
        size = min(500, samples - start)
        means[start : start + size] = difference[rng.integers(0, n, (size, n))].mean(axis=1)
        flipped = (rng.choice([-1.0, 1.0], (size, n)) * difference).mean(axis=1)
        extreme += int((np.abs(flipped) >= abs(gain) - 1e-12).sum())
    low, high = np.quantile(means, [0.025, 0.975])
    return Comparison(gain, float(low), float(high), (extreme + 1) / (samples + 1))


def compare_spearman(a: Scores, b: Scores, gold: Scores, seed: int = 0, samples: int = 2_000) -> Comparison:
    """Compare two systems' Spearman's rho against the same gold scores.

    The interval resamples pairs of sentences; the test swaps the two systems' scores, as ranks, pair by
    pair, which under the null hypothesis changes nothing.
    """
    a, b, gold = (np.asarray(x, dtype=np.float64) for x in (a, b, gold))
    gain = spearman(a, gold) - spearman(b, gold)
    rng = np.random.default_rng(seed)
    n = len(gold)
    gains = np.empty(samples)
    ranks_a, ranks_b, ranks_gold = ranks(a), ranks(b), ranks(gold)  # cosines of two models are not on one scale
    extreme = 0
    for i in range(samples):
        rows = rng.integers(0, n, n)
        drawn = ranks(gold[rows])
        gains[i] = pearson(ranks(a[rows]), drawn) - pearson(ranks(b[rows]), drawn)
        swap = rng.random(n) < 0.5
        one, two = ranks(np.where(swap, ranks_b, ranks_a)), ranks(np.where(swap, ranks_a, ranks_b))
        extreme += abs(pearson(one, ranks_gold) - pearson(two, ranks_gold)) >= abs(gain) - 1e-12
    low, high = np.nanquantile(gains, [0.025, 0.975])
    return Comparison(gain, float(low), float(high), (int(extreme) + 1) / (samples + 1))
