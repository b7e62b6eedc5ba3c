"""The most similar pairs of a stream of them, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]  # (m,)
Scores = NDArray[np.float32]  # (m,)
NOBODY = -1


@dataclass(slots=True)
class Pairs:
    """Pairs of two rows and their similarity, in parallel arrays of one length."""

    first: Rows
    second: Rows
    scores: Scores

    @classmethod
    def none(cls) -> Pairs:
        """No pair at all."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))

    def __len__(self) -> int:
        return len(self.first)

    def at(self, chosen: NDArray[np.bool_] | Rows) -> Pairs:
        """Some of the pairs, by a mask or by places."""
        return Pairs(self.first[chosen], self.second[chosen], self.scores[chosen])

    def and_(self, others: list[Pairs]) -> Pairs:
        """These pairs and others."""
        every = [self, *others]
        return Pairs(*(np.concatenate([getattr(each, name) for each in every]) for name in self.__slots__))

    def sorted(self) -> Pairs:
        """The most similar first; equal scores in the order of their rows."""
        return self.at(np.lexsort((self.second, self.first, -self.scores)))


@dataclass(slots=True)
class BestPairs:
    """Keeps the `most` most similar pairs and counts the others.

    Attributes:
        most: pairs that are kept.
        total: pairs that were added.
    """

    most: int
    total: int = 0
    _kept: Pairs = field(default_factory=Pairs.none)
    _new: list[Pairs] = field(default_factory=list)
    _waiting: int = 0

    def add(self, pairs: Pairs) -> None:
        """Add pairs; at most twice `most` wait in memory."""
        self.total += len(pairs)
        if len(self._kept) == self.most and self.most:
            pairs = pairs.at(pairs.scores >= self._kept.scores[-1])
        if len(pairs):
            self._new.append(pairs)
            self._waiting += len(pairs)
        if self._waiting > self.most:
            self._settle()

    def best(self) -> Pairs:
        """The best pairs so far, the most similar first."""
        self._settle()
        return self._kept

    def _settle(self) -> None:
        every = self._kept.and_(self._new).sorted()
        self._kept = every.at(np.arange(min(self.most, len(every))))
        self._new, self._waiting = [], 0


class Closest:
    """The most similar other text of each, while pairs come in; of equally similar ones the first.

    Attributes:
        other: (n,) its row; -1 where there is none.
        similarity: (n,) to it; -inf where there is none.
    """

    def __init__(self, count: int) -> None:
        self.other: Rows = np.full(count, NOBODY, dtype=np.int64)
        self.similarity: Scores = np.full(count, -np.inf, dtype=np.float32)

    def take(self, rows: Rows, others: Rows, scores: Scores) -> None:
        """Take m pairs of a row and another text, and their similarity."""
        known, now = self.similarity[rows], self.other[rows]
        better = (scores > known) | ((scores == known) & (others < now))
        rows, others, scores = rows[better], others[better], scores[better]
        order = np.lexsort((-others, scores))  # of several assignments to one place, the last one counts
        self.other[rows[order]], self.similarity[rows[order]] = others[order], scores[order]
