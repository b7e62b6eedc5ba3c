"""The statistics of comparing two systems on the same queries or pairs.

Paired bootstrap and randomisation test: Smucker, Allan & Carterette 2007, "A comparison of statistical
significance tests for IR evaluation".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semtune.metrics.correlation import pearson, ranks, spearman

Scores = NDArray[np.float64]  # (n,) one value a query or pair


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
