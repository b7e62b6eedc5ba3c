"""Metrics for mined duplicates, and the comparison of two systems that mined the same sentences.

Values equal those of sentence-transformers' `ParaphraseMiningEvaluator`; the tests check this to 1e-6.
Two pairs that share a sentence are not independent. So sentences are resampled instead of pairs; see Snijders &
Borgatti 1999, "Non-parametric standard errors and tests for network statistics".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semtune.metrics.pairs import Cut, average_precision, best_f1
from semtune.metrics.statistics import Comparison, of_samples

Scores = NDArray[np.float64]
Rows = NDArray[np.int64]  # (n, 2) the numbers of two sentences, the smaller first
NAN = float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class Mined:
    """The pairs of sentences that a system finds most similar, best first, and the known duplicates.

    Attributes:
        pairs: (m, 2) numbers of sentences.
        scores: (m,) in falling order.
        right: (m,) 1 for pairs that are known duplicates, else 0.
        duplicates: (d, 2) all known duplicates.
        sentences: their number.
    """

    pairs: Rows
    scores: Scores
    right: Scores
    duplicates: Rows
    sentences: int

    def average_precision(self) -> float:
        """Average precision of the mined pairs; duplicates that were not mined count as not found."""
        return average_precision(self.scores, self.right, len(self.duplicates))

    def best_f1(self) -> Cut:
        """The threshold with the highest F1; duplicates that were not mined count as not found."""
        return best_f1(self.scores, self.right, len(self.duplicates))

    def resampled(self, weights: Scores) -> float:
        """Average precision if each sentence occurs `weights` times; NaN without a duplicate.

        Tied pairs are taken in their order, since scores of different pairs are seldom tied.
        """
        one, two = self.duplicates.T
        total = float((weights[one] * weights[two]).sum())
        if not total:
            return NAN
        last = int(np.flatnonzero(self.right).max(initial=-1)) + 1  # later pairs change nothing
        one, two = self.pairs[:last].T
        weight = weights[one] * weights[two]
        hits = weight * self.right[:last]
        found, taken = np.cumsum(hits), np.cumsum(weight)
        return float((hits * found / np.maximum(taken, 1e-12)).sum() / total)


def mined_interval(mined: Mined, seed: int = 0, samples: int = 1_000) -> tuple[float, float]:
    """95 % bootstrap interval of the average precision, resampling sentences; NaNs if there is none."""
    rng = np.random.default_rng(seed)
    values = np.array([mined.resampled(_drawn(mined.sentences, rng)) for _ in range(samples)])
    found = of_samples(mined.average_precision(), values)
    return found.low, found.high


def compare_mined(a: Mined, b: Mined, seed: int = 0, samples: int = 1_000) -> Comparison:
    """Compare two systems that mined the same sentences; the p-value is that of `of_samples`."""
    rng = np.random.default_rng(seed)
    gain = a.average_precision() - b.average_precision()
    gains = np.empty(samples)
    for i in range(samples):
        weights = _drawn(a.sentences, rng)
        gains[i] = a.resampled(weights) - b.resampled(weights)
    return of_samples(gain, gains)


def _drawn(n: int, rng: np.random.Generator) -> Scores:
    return np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64)
