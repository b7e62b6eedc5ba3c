"""k-means: Lloyd's algorithm, started by greedy k-means++ (Arthur & Vassilvitskii 2007), as scikit-learn starts it.

Here, and not FAISS's, since that one starts from random rows and ends in worse and more scattered optima.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semtune.types import Embeddings

Numbers = NDArray[np.int64]  # (n,) the cluster of each row
ROUNDS = 50


def kmeans(vectors: Embeddings, k: int, seed: int = 0) -> Numbers:
    """(n,) cluster of each of the (n, dim) vectors, from 0 to k - 1; clusters may be empty where rows are alike.

    Args:
        vectors: finite numbers.
        k: clusters, at most n.
        seed: of the start.
    """
    centres = _start(vectors, k, np.random.default_rng(seed))
    clusters: Numbers = np.full(len(vectors), -1)
    for _ in range(ROUNDS):
        fresh = _distances(vectors, centres).argmin(axis=1)
        if np.array_equal(fresh, clusters):
            break
        clusters = fresh
        counts = np.bincount(clusters, minlength=k)
        order = np.argsort(clusters, kind="stable")
        filled = np.flatnonzero(counts)
        starts = (np.cumsum(counts) - counts)[filled]
        centres[filled] = np.add.reduceat(vectors[order], starts, axis=0) / counts[filled, None]
    return clusters


def _start(vectors: Embeddings, k: int, rng: np.random.Generator) -> Embeddings:
    """Rows far from each other: of some drawn by squared distance, each time the one that leaves the least distance."""
    chosen = [int(rng.integers(len(vectors)))]
    nearest = _distances(vectors, vectors[chosen])[:, 0]
    tries = 2 + int(np.log(k))
    while len(chosen) < k:
        total = float(nearest.sum(dtype=np.float64))
        if total <= 0:  # fewer distinct rows than clusters
            chosen.append(int(rng.integers(len(vectors))))
            continue
        at = np.searchsorted(np.cumsum(nearest, dtype=np.float64), rng.random(tries) * total)
        at = np.minimum(at, len(vectors) - 1)
        left = np.minimum(nearest[:, None], _distances(vectors, vectors[at]))
        best = int(left.sum(axis=0).argmin())
        chosen.append(int(at[best]))
        nearest = left[:, best]
    return vectors[chosen].copy()


def _distances(vectors: Embeddings, centres: Embeddings) -> Embeddings:
    """(n, k) squared Euclidean distances, none below 0."""
    squares = np.einsum("ij,ij->i", vectors, vectors)[:, None] + np.einsum("ij,ij->i", centres, centres)
    return np.maximum(squares - 2 * (vectors @ centres.T), 0)
