"""Similar pairs of vectors, block by block: exactly, or among the neighbours that a graph finds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from semtune.index.faiss import FaissIndex
from semtune.tasks.duplicates.best_pairs import Pairs
from semtune.types import Embeddings

EXACT_PAIRS = 2 * 10**10  # 200,000 texts among themselves; some minutes on two cores
ROWS, COLUMNS = 1024, 8192  # of a block of scores: 32 MB
NEIGHBOURS = 50  # of a text, in the graph
SAMPLE = 500  # texts whose pairs are all computed, to measure the graph's recall


def spans(start: int, stop: int, size: int) -> Iterator[range]:
    """Ranges of at most `size` that cover start to stop."""
    for at in range(start, stop, size):
        yield range(at, min(at + size, stop))


def similar(vectors: Embeddings, others: Embeddings, rows: range, columns: range, threshold: float) -> Pairs:
    """The pairs of a block whose cosine reaches the threshold, sorted by row and column.

    Args:
        vectors: (n, dim) of length 1.
        others: (m, dim) of length 1.
        rows: of `vectors`.
        columns: of `others`.
        threshold: from -1 to 1.
    """
    scores = vectors[rows.start : rows.stop] @ others[columns.start : columns.stop].T
    places = np.flatnonzero(scores >= threshold)
    first, second = np.divmod(places, len(columns))
    return Pairs(first + rows.start, second + columns.start, np.minimum(scores.ravel()[places], np.float32(1.0)))


class Graph:
    """The nearest neighbours of vectors by a graph (HNSW): fast for millions, and not complete."""

    def __init__(self, vectors: Embeddings, others: Embeddings, threshold: float) -> None:
        """Build the graph of the (m, dim) `others`, to be asked for neighbours of the (n, dim) `vectors`."""
        self._vectors, self._others, self._threshold = vectors, others, threshold
        self._index = FaissIndex.build(others)

    def similar(self, rows: range) -> Pairs:
        """Pairs of these rows with their neighbours that reach the threshold."""
        found = self._index.search(self._vectors[rows.start : rows.stop], NEIGHBOURS)
        enough = (found.scores >= self._threshold) & (found.rows >= 0)
        first, column = np.nonzero(enough)
        scores = np.minimum(found.scores[first, column], np.float32(1.0))
        return Pairs(first + rows.start, found.rows[first, column], scores)

    def recall(self, found: Pairs, seed: int, among: bool) -> tuple[float, int]:
        """The share of the pairs of some texts that are in `found`, and the number of these pairs.

        Args:
            found: pairs of all rows.
            seed: of the sample of texts.
            among: the vectors are the others: a text with itself is no pair, and a pair stands either way round.
        """
        rows = np.random.default_rng(seed).permutation(len(self._vectors))[:SAMPLE]
        sample = np.ascontiguousarray(self._vectors[rows])
        size = len(self._others)
        parts = [
            similar(sample, self._others, range(len(sample)), columns, self._threshold)
            for columns in spans(0, size, COLUMNS)
        ]
        first = rows[np.concatenate([part.first for part in parts])]
        second = np.concatenate([part.second for part in parts])
        have = found.first * size + found.second
        if among:
            other = first != second
            first, second = first[other], second[other]
            first, second = np.minimum(first, second), np.maximum(first, second)
        wanted = np.unique(first * size + second)
        return (float(np.isin(wanted, have).mean()), len(wanted)) if len(wanted) else (1.0, 0)
