"""How well a score separates pairs that belong together from pairs that do not.

Values equal those of sentence-transformers' `BinaryClassificationEvaluator` and of scikit-learn's
`average_precision_score`; the tests check this to 1e-6.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]  # (n,) one value per pair
NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Cut:
    """A threshold and its results: pairs that score at least `threshold` are taken to belong together.

    `value` is the measure that the threshold was chosen for: F1 or accuracy.
    """

    value: float
    threshold: float
    precision: float
    recall: float


def average_precision(scores: Scores, gold: Scores, positives: int | None = None) -> float:
    """Area under precision over recall, as a sum of steps; NaN without a positive.

    Pairs with equal scores are one step.

    Args:
        scores: (n,) a higher score means more likely.
        gold: (n,) 1 for pairs that belong together, else 0.
        positives: total number of positives, if `gold` does not hold them all.
    """
    found, taken, _ = _steps(scores, gold)
    total = _total(found, positives)
    return float(np.sum(np.diff(found, prepend=0.0) * found / taken) / total) if total else NAN


def best_f1(scores: Scores, gold: Scores, positives: int | None = None) -> Cut:
    """The threshold with the highest F1; if several have it, the highest of them. NaNs without a positive."""
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
    """The threshold with the highest accuracy; it is above all scores if rejecting every pair is best."""
    found, taken, ordered = _steps(scores, gold)
    if not found.size:
        return Cut(NAN, NAN, NAN, NAN)
    total, positives = float(taken[-1]), float(found[-1])
    right = 2 * found - taken + total - positives  # accepted positives and rejected negatives
    at = int(np.argmax(right))
    if right[at] <= total - positives:
        return Cut((total - positives) / total, float(np.nextafter(ordered[0], np.inf)), 0.0, 0.0)
    precision, recall = found[at] / taken[at], found[at] / positives
    return Cut(float(right[at] / total), _between(ordered, int(taken[at])), float(precision), float(recall))


def precision_by_threshold(scores: Scores, gold: Scores | NDArray[np.bool_]) -> tuple[Scores, Scores]:
    """(m,) the different scores, the highest first, and (m,) the precision of the pairs that score at least so much.

    Args:
        scores: (n,) a higher score means more likely.
        gold: (n,) 1 for pairs that belong together, else 0.
    """
    found, taken, ordered = _steps(scores, gold)
    return ordered[taken.astype(np.int64) - 1], found / taken


def _steps(scores: Scores, gold: Scores | NDArray[np.bool_]) -> tuple[Scores, Scores, Scores]:
    """Positives and pairs above each possible cut, from the highest score down; then the sorted scores."""
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
    """A threshold halfway between the last accepted score and the next; the last score itself if all are accepted."""
    if taken == len(ordered):
        return float(ordered[-1])
    middle = (ordered[taken - 1] + ordered[taken]) / 2
    return float(ordered[taken - 1] if middle == ordered[taken] else middle)
