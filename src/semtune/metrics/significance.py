"""How much a test can show: corrections for several comparisons, and the smallest detectable difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

NORMAL = NormalDist()
NAN = float("nan")


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for multiple comparisons (Holm 1979), in the order given.

    The probability of even one false positive stays below the level, whatever the dependence between the tests. NaN
    marks a comparison that was not made; it stays NaN and does not count.
    """
    order = sorted((p, at) for at, p in enumerate(p_values) if not math.isnan(p))
    corrected, highest = [NAN] * len(p_values), 0.0
    for rank, (p, at) in enumerate(order):
        highest = max(highest, min(1.0, p * (len(order) - rank)))
        corrected[at] = highest
    return corrected


def standard_error(values: Sequence[float] | np.ndarray) -> float:
    """Standard error of the mean of (n,) values; NaN for fewer than two."""
    array = np.asarray(values, dtype=np.float64)
    return float(array.std(ddof=1) / math.sqrt(len(array))) if len(array) > 1 else NAN


def error_of_interval(low: float, high: float, level: float = 0.95) -> float:
    """The standard error that corresponds to a confidence interval of this level."""
    return (high - low) / (2 * NORMAL.inv_cdf(0.5 + level / 2))


def detectable(error: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """The smallest difference that a two-sided test at `alpha` detects with probability `power`.

    Cohen 1988, "Statistical power analysis for the behavioral sciences", by the normal distribution.

    Args:
        error: standard error of the difference.
        alpha: level of the test.
        power: probability of detecting a difference of this size.
    """
    return (NORMAL.inv_cdf(1 - alpha / 2) + NORMAL.inv_cdf(power)) * error


def needed(n: int, seen: float, wanted: float) -> int:
    """The number of queries that would detect a difference of `wanted`, if `n` such queries detect one of `seen`."""
    return math.ceil(n * (seen / wanted) ** 2)
