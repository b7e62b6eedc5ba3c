"""What recommendations are worth: whether the item that came next is found, and how varied the lists are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semtune.metrics import compare_means
from semtune.progress import QUIET, Progress
from semtune.tasks.recommend.held_out import Case
from semtune.tasks.recommend.scoring import Scores
from semtune.tasks.recommend.systems import System
from semtune.types import Embeddings

K = 10
LOWEST = np.float32(-np.inf)


@dataclass(frozen=True, slots=True)
class Measured:
    """What a system gave for each case.

    Attributes:
        ndcg, recall: (cases,) at 10; one item is right, so nDCG is 1 / log2(1 + its rank).
        novelty: (cases,) mean self-information of the list's items, in bits.
        diversity: (cases,) one minus the mean cosine between the list's items.
        coverage: share of the items that are in any list.
    """

    ndcg: NDArray[np.float64]
    recall: NDArray[np.float64]
    novelty: NDArray[np.float64]
    diversity: NDArray[np.float64]
    coverage: float


def top(scores: Scores, history: Sequence[int], k: int = K) -> NDArray[np.int64]:
    """(k,) rows of the best items that are not in the history; equal ones in the order of their rows."""
    left = scores.copy()
    left[list(history)] = LOWEST
    k = min(k, len(left) - len(set(history)))
    if k <= 0:
        return np.empty(0, np.int64)
    edge = np.partition(left, -k)[-k]
    rows = np.flatnonzero(left >= edge)
    return rows[np.lexsort((rows, -left[rows]))][:k]


def gain_of(scores: Scores, history: Sequence[int], target: int, k: int = K) -> float:
    """As `gain` of the list that `top` makes, without sorting."""
    left = scores.copy()
    left[list(history)] = LOWEST
    before = int((left > left[target]).sum()) + int((left[:target] == left[target]).sum())
    return float(1 / np.log2(2 + before)) if before < k else 0.0


def gain(listed: NDArray[np.int64], target: int) -> float:
    """The nDCG of a list of which one item is right (Järvelin & Kekäläinen 2002)."""
    place = np.flatnonzero(listed == target)
    return float(1 / np.log2(2 + place[0])) if len(place) else 0.0


def measure(
    systems: Mapping[str, System],
    cases: Sequence[Case],
    vectors: Embeddings,
    novelty: NDArray[np.float64],
    progress: Progress = QUIET,
) -> dict[str, Measured]:
    """Every system on the same cases, over all items of the index.

    Args:
        systems: name → system.
        cases: at least one.
        vectors: (items, dim) of unit length, for the diversity.
        novelty: (items,) self-information.
        progress: shown while it works.
    """
    lists: dict[str, list[NDArray[np.int64]]] = {name: [] for name in systems}
    with progress.track("recommending", len(cases)) as done:
        for case in cases:
            for name, system in systems.items():
                lists[name].append(top(system(case.history), case.history))
            done(1)
    return {name: _measured(found, cases, vectors, novelty) for name, found in lists.items()}


def _measured(
    lists: Sequence[NDArray[np.int64]], cases: Sequence[Case], vectors: Embeddings, novelty: NDArray[np.float64]
) -> Measured:
    gains = np.array([gain(rows, case.target) for rows, case in zip(lists, cases, strict=True)])
    return Measured(
        gains,
        (gains > 0).astype(np.float64),
        np.array([novelty[rows].mean() if len(rows) else 0.0 for rows in lists]),
        np.array([_spread(vectors[rows]) for rows in lists]),
        len(np.unique(np.concatenate(lists))) / len(vectors),
    )


def _spread(vectors: Embeddings) -> float:
    """One minus the mean cosine of different items."""
    n = len(vectors)
    if n < 2:
        return 0.0
    total = float(np.square(vectors.sum(axis=0, dtype=np.float64)).sum() - np.square(vectors).sum(dtype=np.float64))
    return 1.0 - total / (n * (n - 1))


def figures(found: Measured, seed: int) -> dict[str, object]:
    """The means with their bootstrap intervals (95 %), as JSON values."""
    named = {"ndcg@10": found.ndcg, "recall@10": found.recall, "novelty": found.novelty, "diversity": found.diversity}
    rows: dict[str, object] = {}
    for name, values in named.items():
        made = compare_means(values, np.zeros(len(values)), seed, samples=2_000)
        rows[name] = {"mean": round(made.gain, 4), "low": round(made.low, 4), "high": round(made.high, 4)}
    return {**rows, "coverage": round(found.coverage, 4)}
