"""When a classifier says "I don't know": where it is unsure which class it is, or the text is unlike all examples.

The two are not one: a text of another subject can look surely like one class. On CLINC150 the largest linear score
tells such texts apart better (AUROC 0.96) than the largest probability (0.93).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semtune.metrics.pairs import precision_by_threshold

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2)  # of known texts that are given up to refuse unknown ones
PRECISIONS = (0.8, 0.85, 0.9, 0.95, 0.97, 0.99)


@dataclass(frozen=True, slots=True)
class Promise:
    """What a threshold brought on texts that the classifier was not shown.

    Attributes:
        precision: share of the answered texts whose class was right.
        coverage: share of the texts that were answered.
        threshold: the lowest probability that is answered.
    """

    precision: float
    coverage: float
    threshold: float


def promise(confidence: NDArray[np.float64], right: NDArray[np.bool_], wanted: float) -> Promise | None:
    """The lowest threshold that gives the precision `wanted`; None if none does.

    Args:
        confidence: (n,) probability of each text's answer.
        right: (n,) whether it was the right one.
        wanted: precision, from 0 to 1.
    """
    thresholds, precision = precision_by_threshold(confidence, right)
    reached = np.flatnonzero(precision >= wanted)
    if not len(reached):
        return None
    threshold = float(thresholds[reached[-1]])
    return Promise(float(precision[reached[-1]]), float((confidence >= threshold).mean()), threshold)


def promises(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], wanted: Sequence[float] = PRECISIONS
) -> dict[str, Promise]:
    """Name of each precision that can be had ("p0.9") → its promise."""
    found = {f"p{each:g}": promise(confidence, right, each) for each in wanted}
    return {name: made for name, made in found.items() if made is not None}


def floors(largest: NDArray[np.float64]) -> dict[str, float]:
    """Share of known texts that is given up ("0.05") → the largest linear score below which a text is refused.

    Args:
        largest: (n,) the largest score of each held-out example.
    """
    return {f"{share:g}": float(np.quantile(largest, share)) for share in SHARES}
