"""Statistics of results: the interval of one result, and the paired comparison of two."""

from __future__ import annotations

import math

import numpy as np

from semtune.evaluate.result import STATISTICS, Scores
from semtune.metrics import (
    Comparison,
    compare_draws,
    compare_means,
    compare_mined,
    compare_statistic,
    draw_samples,
    mined_interval,
)

NAN = float("nan")


def compare_scores(tuned: Scores, other: Scores, seed: int = 0) -> Comparison:
    """The paired comparison on the main metric, without checking its preconditions."""
    if tuned.kind in STATISTICS:
        statistic = STATISTICS[tuned.kind]
        return compare_statistic(tuned.similarities, other.similarities, tuned.gold, statistic, seed)
    if tuned.mined is not None and other.mined is not None:
        return compare_mined(tuned.mined, other.mined, seed)
    if len(tuned.draws) and tuned.draws.shape == other.draws.shape:
        return compare_draws(tuned.draws, other.draws, seed)
    return compare_means(tuned.per_query[tuned.main], other.per_query[tuned.main], seed)


def interval(scores: Scores, seed: int = 0, samples: int = 2_000) -> tuple[float, float]:
    """95 % bootstrap interval of one system's main metric over its queries or pairs; NaNs if unknown."""
    if not math.isfinite(scores.metrics[scores.main]) or scores.n < 2:
        return NAN, NAN
    if scores.mined is not None:
        return mined_interval(scores.mined, seed)
    if len(scores.draws):
        low, high = np.quantile(draw_samples(scores.draws, seed, samples), [0.025, 0.975])
        return float(low), float(high)
    rng = np.random.default_rng(seed)
    draws = (rng.integers(0, scores.n, scores.n) for _ in range(samples))
    if scores.kind in STATISTICS:
        statistic = STATISTICS[scores.kind]
        values = [statistic(scores.similarities[rows], scores.gold[rows]) for rows in draws]
    else:
        each = scores.per_query[scores.main]
        values = [float(each[rows].mean()) for rows in draws]
    finite = [value for value in values if math.isfinite(value)]  # a sample of equal pairs has no correlation
    if not finite:
        return NAN, NAN
    low, high = np.quantile(finite, [0.025, 0.975])
    return float(low), float(high)
