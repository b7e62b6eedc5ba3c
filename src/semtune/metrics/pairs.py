"""How well a score tells pairs that belong together from pairs that do not.

Values equal those of sentence-transformers' `BinaryClassificationEvaluator` and of scikit-learn's
`average_precision_score`; the tests hold them to 1e-6.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]  # (n,) one value a pair
NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Cut:
    """A threshold, and what it gives: pairs whose score is at least `threshold` are taken to belong together.

    `value` is what the threshold was chosen for: F1, or accuracy.
    """

    value: float
    threshold: float
    precision: float
    recall: float


def average_precision(scores: Scores, gold: Scores, positives: int | None = None) -> float:
    """Area under precision over recall, as a sum of steps; pairs of one score are one step. NaN without a positive.

    Args:
        scores: (n,) bigger is likelier.
        gold: (n,) 1 where the pair belongs together, else 0.
        positives: how many there are in all, where `gold` does not hold all of them.
    """
    found, taken, _ = _steps(scores, gold)
    total = _total(found, positives)
    return float(np.sum(np.diff(found, prepend=0.0) * found / taken) / total) if total else NAN


def best_f1(scores: Scores, gold: Scores, positives: int | None = None) -> Cut:
    """The threshold with the highest F1, of several the highest threshold; NaNs without a positive."""
    found, taken, ordered = _steps(scores, gold)
    total = _total(found, positives)
    if not total or not found.size:
        return Cut(NAN, NAN, NAN, NAN)
    precision, recall = found / taken, found / total
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
    at = int(np.argmax(f1))
    return Cut(float(f1[at]), _between(ordered, int(taken[at])), float(precision[at]), float(recall[at]))


def best_accuracy(scores: Scores, gold: Scores) -> Cut:
    """The threshold with the highest share of right decisions; it lies above all scores if "no" to all is best."""
    found, taken, ordered = _steps(scores, gold)
    if not found.size:
        return Cut(NAN, NAN, NAN, NAN)
    total, positives = float(taken[-1]), float(found[-1])
    right = 2 * found - taken + total - positives  # hits, and negatives that were left out
    at = int(np.argmax(right))
    if right[at] <= total - positives:
        return Cut((total - positives) / total, float(np.nextafter(ordered[0], np.inf)), 0.0, 0.0)
    precision, recall = found[at] / taken[at], found[at] / positives
    return Cut(float(right[at] / total), _between(ordered, int(taken[at])), float(precision), float(recall))


def _steps(scores: Scores, gold: Scores) -> tuple[Scores, Scores, Scores]:
    """For each possible cut, from the highest score down: positives above it, pairs above it; and the sorted scores."""
    scores, gold = np.asarray(scores, dtype=np.float64), np.asarray(gold, dtype=np.float64)
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) if len(ordered) else np.empty(0, int)
    return np.cumsum(gold[order])[last], (last + 1).astype(np.float64), ordered


def _total(found: Scores, positives: int | None) -> float:
    if positives is not None:
        return float(positives)
    return float(found[-1]) if found.size else 0.0


def _between(ordered: Scores, taken: int) -> float:
    """A threshold between the last score that is taken and the next; the last of all is its own."""
    if taken == len(ordered):
        return float(ordered[-1])
    middle = (ordered[taken - 1] + ordered[taken]) / 2
    return float(ordered[taken - 1] if middle == ordered[taken] else middle)
