"""Exact nearest neighbours of a stream of document vectors, in bounded memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semtune.types import Embeddings, Neighbours

QUERY_BLOCK = 256


class TopK:
    """Keeps the `k` best rows for each query while document vectors are added in chunks.

    For ties the row that was added first wins.
    Memory: queries x k, plus 256 queries x the rows of a chunk.
    """

    def __init__(self, queries: Embeddings, k: int) -> None:
        """Start with no documents; `queries` is (n, dim)."""
        self._queries = queries
        self._rows: NDArray[np.int64] = np.full((len(queries), k), -1, dtype=np.int64)
        self._scores: NDArray[np.float32] = np.full((len(queries), k), -np.inf, dtype=np.float32)
        self._seen = 0

    def add(self, vectors: Embeddings) -> None:
        """Score the next (m, dim) document vectors; row numbers continue."""
        for start in range(0, len(self._queries), QUERY_BLOCK):
            block = self._queries[start : start + QUERY_BLOCK] @ vectors.T
            for query, scores in enumerate(block, start=start):
                better = np.flatnonzero(scores > self._scores[query, -1])
                if better.size:
                    self._merge(query, scores[better], better + self._seen)
        self._seen += len(vectors)

    def neighbours(self) -> Neighbours:
        """The best rows so far, best first; row -1 if there are fewer than k."""
        return Neighbours(self._rows, self._scores)

    def _merge(self, query: int, scores: NDArray[np.float32], rows: NDArray[np.int64]) -> None:
        k = self._rows.shape[1]
        all_scores = np.concatenate([self._scores[query], scores])
        all_rows = np.concatenate([self._rows[query], rows])
        best = np.argsort(-all_scores, kind="stable")[:k]
        self._scores[query], self._rows[query] = all_scores[best], all_rows[best]
