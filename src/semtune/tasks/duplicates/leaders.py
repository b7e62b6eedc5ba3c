"""Groups without chains: a text joins a group only if it is as similar to the text that is kept as asked for.

Texts come in the order in which they are preferred. A text that is similar to none of those kept before is kept itself
and leads a group; another joins the most similar text that is kept. This is the leader algorithm (Hartigan 1975,
"Clustering Algorithms", chapter 3) with a fixed order. What follows from it: no two texts that are kept are similar,
and every text that is removed is similar to the one kept in its place. With A ~ B and B ~ C, but A and C apart, A
leads B, and C is kept: connected components would remove C for its likeness to a text that is not kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semtune.tasks.duplicates.best_pairs import NOBODY, Closest, Pairs


class Leaders:
    """Who leads whom, while similar pairs come in. Memory: two numbers a text.

    Attributes:
        kept: (n,) whether a text is kept, after `settle`.
        closest: the most similar kept text of each that is not.
    """

    def __init__(self, count: int) -> None:
        self.kept: NDArray[np.bool_] = np.zeros(count, dtype=np.bool_)
        self.closest = Closest(count)

    def settle(self, start: int, stop: int, inside: Pairs) -> None:
        """Decide about the texts from `start` to `stop`; all pairs with earlier texts must have been given.

        Args:
            start, stop: of the texts.
            inside: the similar pairs among them, `first` before `second`, sorted by `first`.
        """
        bounds = np.searchsorted(inside.first, np.arange(start, stop + 1))
        for row in range(start, stop):
            if self.closest.other[row] == NOBODY:
                self.kept[row] = True
                low, high = bounds[row - start], bounds[row - start + 1]
                if low < high:
                    self._lead(inside.at(np.arange(low, high)))

    def give(self, pairs: Pairs) -> None:
        """Take pairs of texts that were settled with later ones."""
        self._lead(pairs.at(self.kept[pairs.first]))

    def _lead(self, pairs: Pairs) -> None:
        self.closest.take(pairs.second, pairs.first, pairs.scores)
