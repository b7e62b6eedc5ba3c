"""What a search across languages found, by pair of languages and by language."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semtune.languages.codes import language_name
from semtune.metrics.proportions import proportion_interval


@dataclass(frozen=True, slots=True, eq=False)
class LanguagePair:
    """The texts of one language, searched among those of another.

    Attributes:
        source, target: languages asked in and searched, as the data names them.
        right: (n,) whether the nearest text was a right one, for each item.
    """

    source: str
    target: str
    right: NDArray[np.bool_]

    @property
    def n(self) -> int:
        """Number of items."""
        return len(self.right)

    @property
    def accuracy(self) -> float:
        """The share of items that are right."""
        return float(self.right.mean())

    @property
    def name(self) -> str:
        """For people: "German → English"."""
        return f"{language_name(self.source)} → {language_name(self.target)}"

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Of the accuracy."""
        return proportion_interval(int(self.right.sum()), self.n, level)


@dataclass(frozen=True, slots=True)
class LanguageTexts:
    """How a model read the texts of a language.

    Attributes:
        texts: number of distinct ones.
        cut: number of those that are longer than the model reads.
        unknown: share of their tokens that the model does not know; None where that cannot be told.
    """

    texts: int
    cut: int
    unknown: float | None
