"""Agreement between two people who graded the same things."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def weighted_kappa(a: Sequence[int], b: Sequence[int], grades: int) -> float:
    """Cohen's kappa with quadratic weights: 1 is full agreement, 0 is what chance would give.

    Cohen 1968, "Weighted kappa: nominal scale agreement provision for scaled disagreement or partial credit". A
    difference of two grades weighs four times as much as a difference of one.

    Args:
        a: (n,) grades of one person, from 0.
        b: (n,) grades of the other, for the same things.
        grades: number of grades there are.

    Returns:
        kappa; NaN where it is not defined: nothing was graded, or both gave one and the same grade throughout.
    """
    if not len(a):
        return math.nan
    seen = np.zeros((grades, grades))
    np.add.at(seen, (np.asarray(a), np.asarray(b)), 1.0)
    by_chance = np.outer(seen.sum(axis=1), seen.sum(axis=0)) / len(a)
    steps = np.arange(grades)
    weights = (steps[:, None] - steps[None, :]) ** 2
    expected = float((weights * by_chance).sum())
    return 1.0 - float((weights * seen).sum()) / expected if expected else math.nan
