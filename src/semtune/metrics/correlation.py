"""Correlation of two rankings; values equal scipy's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]  # (n,) one value a pair


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
