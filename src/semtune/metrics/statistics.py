"""Statistics for comparing two systems on the same queries or pairs.

Paired bootstrap and randomisation test: Smucker, Allan & Carterette 2007, "A comparison of statistical
significance tests for IR evaluation".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from semtune.metrics.correlation import ranks, spearman

Scores = NDArray[np.float64]  # (n,) one value per query or pair
Statistic: TypeAlias = Callable[[Scores, Scores], float]  # of (n,) values and (n,) gold


@dataclass(frozen=True, slots=True)
class Comparison:
    """System A against system B: mean gain, its 95 % interval, and the probability of such a gain by chance alone."""

    gain: float
    low: float
    high: float
    p_value: float


def compare_means(a: Scores, b: Scores, seed: int = 0, samples: int = 10_000) -> Comparison:
    """Compare two systems on the same queries: paired bootstrap interval and randomisation test.

    Args:
        a: (n,) the first system's metric per query.
        b: (n,) the second system's, in the same order.
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


def compare_draws(a: Scores, b: Scores, seed: int = 0, samples: int = 2_000) -> Comparison:
    """Compare two systems measured several times on the same items: starts of k-means, drawn examples.

    Draws and items are both resampled (Owen 2007, "The pigeonhole bootstrap"), because a difference that comes from a
    lucky start is not a difference between the systems. The p-value is that of `of_samples`.

    Args:
        a: (draws, n) one system's values.
        b: (draws, n) the other's.
        seed: of the resampling.
        samples: bootstrap samples.
    """
    difference = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    return of_samples(float(difference.mean()), draw_samples(difference, seed, samples))


def draw_samples(values: Scores, seed: int = 0, samples: int = 2_000) -> Scores:
    """(samples,) bootstrap means of (draws, n) values; draws and items are both drawn with replacement."""
    rng = np.random.default_rng(seed)
    draws, n = values.shape
    means = np.empty(samples)
    for i in range(samples):
        weights = np.bincount(rng.integers(0, draws, draws), minlength=draws) / draws
        means[i] = (weights @ values)[rng.integers(0, n, n)].mean()
    return means


def of_samples(gain: float, gains: Scores) -> Comparison:
    """A comparison from the gains in bootstrap samples.

    The p-value is the share of samples at least as far from the samples' mean as the gain is from 0.
    """
    gains = gains[np.isfinite(gains)]
    if not gains.size:
        return Comparison(gain, float("nan"), float("nan"), 1.0)
    low, high = np.quantile(gains, [0.025, 0.975])
    extreme = int((np.abs(gains - gains.mean()) >= abs(gain) - 1e-12).sum())
    return Comparison(gain, float(low), float(high), (extreme + 1) / (len(gains) + 1))


def compare_statistic(
    a: Scores, b: Scores, gold: Scores, statistic: Statistic, seed: int = 0, samples: int = 2_000
) -> Comparison:
    """Compare two systems by a statistic of all items together, such as a rank correlation or average precision.

    The interval resamples items. The test swaps the two systems' values (as ranks) for random items, which changes
    nothing under the null hypothesis.

    Args:
        a: (n,) one system's values; the statistic may depend on their order only.
        b: (n,) the other system's, for the same items.
        gold: (n,) the correct values.
        statistic: of values and gold; higher is better; NaN if it is undefined for a sample.
        seed: of the resampling.
        samples: bootstrap samples and swaps.
    """
    a, b, gold = (np.asarray(x, dtype=np.float64) for x in (a, b, gold))
    gain = statistic(a, gold) - statistic(b, gold)
    rng = np.random.default_rng(seed)
    n = len(gold)
    gains = np.empty(samples)
    ranks_a, ranks_b = ranks(a), ranks(b)  # values of two models are not on one scale
    extreme = 0
    for i in range(samples):
        rows = rng.integers(0, n, n)
        gains[i] = statistic(a[rows], gold[rows]) - statistic(b[rows], gold[rows])
        swap = rng.random(n) < 0.5
        one, two = np.where(swap, ranks_b, ranks_a), np.where(swap, ranks_a, ranks_b)
        extreme += abs(statistic(one, gold) - statistic(two, gold)) >= abs(gain) - 1e-12
    low, high = np.nanquantile(gains, [0.025, 0.975])
    return Comparison(gain, float(low), float(high), (int(extreme) + 1) / (samples + 1))


def compare_spearman(a: Scores, b: Scores, gold: Scores, seed: int = 0, samples: int = 2_000) -> Comparison:
    """Compare the Spearman correlations of two systems with the same gold scores."""
    return compare_statistic(a, b, gold, spearman, seed, samples)
