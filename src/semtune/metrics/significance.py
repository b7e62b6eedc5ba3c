"""What a test can tell: several comparisons at once, and the smallest difference that it would see."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

NORMAL = NormalDist()
NAN = float("nan")


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for there being several (Holm 1979), in the order given.

    The chance that even one of the differences called real is none stays below the level, however the tests depend
    on each other. NaN, a comparison that was not made, stays NaN and does not count.
    """
    order = sorted((p, at) for at, p in enumerate(p_values) if not math.isnan(p))
    corrected, highest = [NAN] * len(p_values), 0.0
    for rank, (p, at) in enumerate(order):
        highest = max(highest, min(1.0, p * (len(order) - rank)))
        corrected[at] = highest
    return corrected


def standard_error(values: Sequence[float] | np.ndarray) -> float:
    """Of the mean of (n,) values; NaN for fewer than two."""
    array = np.asarray(values, dtype=np.float64)
    return float(array.std(ddof=1) / math.sqrt(len(array))) if len(array) > 1 else NAN


def error_of_interval(low: float, high: float, level: float = 0.95) -> float:
    """The standard error that an interval of this level speaks of."""
    return (high - low) / (2 * NORMAL.inv_cdf(0.5 + level / 2))


def detectable(error: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """The smallest difference that a two-sided test at `alpha` finds with a chance of `power`.

    Cohen 1988, "Statistical power analysis for the behavioral sciences", by the normal distribution.

    Args:
        error: standard error of the difference.
        alpha: level of the test.
        power: chance to find a difference of this size.
    """
    return (NORMAL.inv_cdf(1 - alpha / 2) + NORMAL.inv_cdf(power)) * error


def needed(n: int, seen: float, wanted: float) -> int:
    """How many queries would see a difference of `wanted`, where `n` of the same kind see one of `seen`."""
    return math.ceil(n * (seen / wanted) ** 2)
