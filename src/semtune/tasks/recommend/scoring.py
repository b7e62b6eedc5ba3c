"""Scores of items for a history: how like they are to what was liked, to what was disliked, and what was used together.

The similarity to a history is a weighted log-mean-exp of the cosines to its items, sharp enough that somebody with two
interests gets items of both: with sharpness 0 it is the mean (Rocchio 1971), with an infinite one the largest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semtune.tasks.recommend.settings import SHARPNESS

Scores = NDArray[np.float32]  # (n,) one value an item


def similarity(cosines: NDArray[np.float32], weights: NDArray[np.float32], sharpness: float = SHARPNESS) -> Scores:
    """(n,) how like each item is to a history, on the scale of the cosine.

    Args:
        cosines: (history, n) of each item of the history to each candidate.
        weights: (history,) above 0.
        sharpness: from 0, the mean of the cosines, to infinity, the largest of them.
    """
    shares = (weights / weights.sum())[:, None]
    if sharpness == 0:
        return (shares * cosines).sum(axis=0)
    if np.isinf(sharpness):
        return cosines.max(axis=0)
    highest = cosines.max(axis=0)
    mean = (shares * np.exp(sharpness * (cosines - highest))).sum(axis=0)
    return highest + np.log(mean) / sharpness


def dislike(cosines: NDArray[np.float32], weights: NDArray[np.float32]) -> Scores:
    """(n,) how like each item is to the nearest disliked one, times that one's weight; never below 0.

    Args:
        cosines: (disliked, n).
        weights: (disliked,); above 1 counts as 1.
    """
    return np.maximum(cosines * np.minimum(weights, 1.0)[:, None], 0.0).max(axis=0)


def blended(similar: Scores, together: Scores, blend: float) -> Scores:
    """Similarity plus `blend` times the co-occurrence, which is brought to 0 ... 1 within these items."""
    most = float(together.max(initial=0.0))
    return similar + np.float32(blend / most) * together if most > 0 else similar
