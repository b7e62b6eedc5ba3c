"""Correlation of two series of scores; values equal scipy's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]  # (n,) one value per pair


def ranks(values: Sequence[float] | Scores) -> Scores:
    """Ranks from 1; tied values share their mean rank."""
    array = np.asarray(values, dtype=np.float64)
    order = array.argsort(kind="stable")
    ordered = array[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))) if len(array) else np.empty(0, int)
    bounds = np.append(starts, len(array))
    found = np.empty(len(array))
    found[order] = np.repeat((bounds[:-1] + bounds[1:] + 1) / 2.0, np.diff(bounds))
    return found


def pearson(a: Sequence[float] | Scores, b: Sequence[float] | Scores) -> float:
    """Pearson's correlation; NaN if one side is constant."""
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    x, y = x - x.mean(), y - y.mean()
    norm = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / norm if norm > 0 else float("nan")


def spearman(a: Sequence[float] | Scores, b: Sequence[float] | Scores) -> float:
    """Spearman's rho: Pearson's correlation of the ranks; NaN if one side is constant."""
    return pearson(ranks(a), ranks(b))
