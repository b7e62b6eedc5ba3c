"""What recommends in an evaluation: each gives every item of the index a score for a history."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from semtune.registry import need
from semtune.tasks.recommend.cooccurrence import Baskets, Cooccurrence, user_items
from semtune.tasks.recommend.scoring import SHARPNESS, Scores, similarity
from semtune.types import Embeddings

System: TypeAlias = Callable[[Sequence[int]], Scores]
"""Rows of a history → (items,) scores; a bigger one is better."""
FACTORS, ROUNDS = 128, 15  # of ALS


@dataclass(frozen=True, slots=True)
class ByVectors:
    """Similarity to the history, by (items, dim) unit vectors."""

    vectors: Embeddings
    sharpness: float = SHARPNESS

    def __call__(self, history: Sequence[int]) -> Scores:
        """The score of each item."""
        cosines = self.vectors[list(history)] @ self.vectors.T
        return similarity(cosines, np.ones(len(history), np.float32), self.sharpness)


@dataclass(frozen=True, slots=True)
class ByUse:
    """Co-occurrence with the history, item to item."""

    learned: Cooccurrence

    def __call__(self, history: Sequence[int]) -> Scores:
        """The score of each item; 0 for those never used together with any of the history."""
        rows, values = self.learned.together(history, [1.0 / len(history)] * len(history))
        scores = np.zeros(len(self.learned.counts), np.float32)
        scores[rows] = values
        return scores


@dataclass(frozen=True, slots=True)
class ByPopularity:
    """The same for everybody: the number of baskets with each item."""

    learned: Cooccurrence

    def __call__(self, history: Sequence[int]) -> Scores:  # noqa: ARG002 - as all systems
        """The score of each item."""
        return self.learned.counts.astype(np.float32)


@dataclass(frozen=True, slots=True)
class ByFactors:
    """Alternating least squares of `implicit`; a history is folded in, as a new user's."""

    model: object
    items: int

    def __call__(self, history: Sequence[int]) -> Scores:
        """The score of each item."""
        row = user_items([sorted(history)], self.items)
        user = self.model.recalculate_user(0, row)  # type: ignore[attr-defined]
        return (self.model.item_factors @ np.ravel(user)).astype(np.float32)  # type: ignore[attr-defined]


def fit_factors(baskets: Baskets, items: int, seed: int, factors: int = FACTORS) -> ByFactors:
    """Fit ALS for implicit feedback (Hu, Koren & Volinsky 2008).

    Args:
        baskets: rows of items.
        items: number of items in all.
        seed: of the first factors.
        factors: dimensions.

    Raises:
        MissingExtraError: `implicit` is not installed.
    """
    need("implicit")
    matrix = user_items(baskets, items)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads of BLAS beside its own, which are switched off below
        from implicit.cpu.als import AlternatingLeastSquares
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1, "blas"):
            model = AlternatingLeastSquares(factors=factors, iterations=ROUNDS, random_state=seed, num_threads=1)
            model.fit(matrix, show_progress=False)
    return ByFactors(model, items)
