"""Metrics of mined duplicates, and the comparison of two systems that mined the same sentences.

Values equal those of sentence-transformers' `ParaphraseMiningEvaluator`; the tests hold them to 1e-6.
Two pairs that share a sentence are not independent, so sentences are resampled, not pairs: see Snijders & Borgatti
1999, "Non-parametric standard errors and tests for network statistics".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semtune.metrics.pairs import Cut, average_precision, best_f1
from semtune.metrics.statistics import Comparison, of_samples

Scores = NDArray[np.float64]
Rows = NDArray[np.int64]  # (n, 2) two sentences, by number, the smaller first
NAN = float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class Mined:
    """The pairs of sentences that a system thinks most alike, best first, and what is known of them.

    Attributes:
        pairs: (m, 2) numbers of sentences.
        scores: (m,) falling.
        right: (m,) 1 where the pair is a known duplicate, else 0.
        duplicates: (d, 2) all known duplicates.
        sentences: how many there are.
    """

    pairs: Rows
    scores: Scores
    right: Scores
    duplicates: Rows
    sentences: int

    def average_precision(self) -> float:
        """Of the mined pairs; duplicates that were not mined count as not found."""
        return average_precision(self.scores, self.right, len(self.duplicates))

    def best_f1(self) -> Cut:
        """The threshold with the highest F1; duplicates that were not mined count as not found."""
        return best_f1(self.scores, self.right, len(self.duplicates))

    def resampled(self, weights: Scores) -> float:
        """Average precision where each sentence is there `weights` times; NaN without a duplicate.

        Ties are taken in the order of the pairs: scores of different pairs seldom tie.
        """
        one, two = self.duplicates.T
        total = float((weights[one] * weights[two]).sum())
        if not total:
            return NAN
        last = int(np.flatnonzero(self.right).max(initial=-1)) + 1  # what follows changes nothing
        one, two = self.pairs[:last].T
        weight = weights[one] * weights[two]
        hits = weight * self.right[:last]
        found, taken = np.cumsum(hits), np.cumsum(weight)
        return float((hits * found / np.maximum(taken, 1e-12)).sum() / total)


def mined_interval(mined: Mined, seed: int = 0, samples: int = 1_000) -> tuple[float, float]:
    """95 % interval of the average precision over samples of the sentences; NaNs where there is none."""
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
