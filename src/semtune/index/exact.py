"""Exact search by brute force, the reference for all other indexes."""

from __future__ import annotations

import numpy as np

from semtune.types import Embeddings, Neighbours

EXACT_UP_TO = 50_000  # above this back-ends approximate; a full scan of as many 384-d vectors takes about 5 ms
BLOCK = 65_536  # rows compared at a time; limits the score matrix


class ExactIndex:
    """Compares all vectors in memory; ties are in row order."""

    def __init__(self, vectors: Embeddings) -> None:
        self._vectors = vectors

    def search(self, vectors: Embeddings, k: int) -> Neighbours:
        """Find the `k` rows of largest inner product for each of the (n, dim) queries."""
        scores = np.empty((len(vectors), 0), dtype=np.float32)
        rows = np.empty((len(vectors), 0), dtype=np.int64)
        for start in range(0, len(self._vectors), BLOCK):
            block = vectors @ self._vectors[start : start + BLOCK].T
            scores = np.concatenate([scores, block], axis=1)
            here = np.arange(start, start + block.shape[1], dtype=np.int64)
            rows = np.concatenate([rows, np.broadcast_to(here, block.shape)], axis=1)
            best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
            scores, rows = np.take_along_axis(scores, best, 1), np.take_along_axis(rows, best, 1)
        return padded(rows, scores, k)

    def close(self) -> None:
        """Do nothing: there is nothing to close."""


def padded(rows: np.ndarray, scores: np.ndarray, k: int) -> Neighbours:
    """Pad to k columns with row -1 if the index has fewer than k vectors."""
    missing = k - rows.shape[1]
    if missing > 0:
        rows = np.pad(rows, ((0, 0), (0, missing)), constant_values=-1)
        scores = np.pad(scores, ((0, 0), (0, missing)), constant_values=-np.inf)
    return Neighbours(rows.astype(np.int64), scores.astype(np.float32))
