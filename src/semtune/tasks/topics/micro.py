"""Micro-clusters: small groups that stand for all texts, so that a tree over them is cheap.

About a thousand, not more: with 4,096 for 10,000 passages many are single texts, and the tree over them changes more
when texts come in (adjusted Rand index 0.44 against 0.52 with ten elevenths of the passages).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semtune.tasks.topics.draws import Keys, drawn
from semtune.types import Embeddings
from semtune.unit_vectors import unit

ALONE = 4_096  # up to so many vectors, each is a group of its own
MOST = 1_024  # groups of more vectors
PER_CENTRE = 128  # vectors that a centre is computed from, on average, at most
ROUNDS = 10
REFINED = 20
BLOCK = 8_192
START, TRAINED_ON = 2, 3  # seeds


@dataclass(frozen=True, slots=True)
class Micro:
    """(m, dim) centres, (m,) numbers of members, and (n,) the micro-cluster of each vector."""

    centres: Embeddings
    weights: NDArray[np.float64]
    of: NDArray[np.int64]


def micro_clusters(vectors: Embeddings, keys: Keys, alone: int = ALONE) -> Micro:
    """Group (n, dim) unit vectors; up to `alone` of them are groups of their own."""
    if len(vectors) <= alone:
        return Micro(vectors, np.ones(len(vectors)), np.arange(len(vectors), dtype=np.int64))
    centres = _k_means(vectors, keys, MOST)
    of = nearest(vectors, centres).best
    counts = np.bincount(of, minlength=len(centres))
    kept = np.flatnonzero(counts)
    place = np.zeros(len(centres), dtype=np.int64)
    place[kept] = np.arange(len(kept))
    return Micro(means(vectors, place[of], len(kept)), counts[kept].astype(np.float64), place[of])


def means(vectors: Embeddings, of: NDArray[np.int64], count: int) -> Embeddings:
    """(count, dim) mean of each group's vectors, which are read in blocks; -1 is no group."""
    sums, sizes = np.zeros((count, vectors.shape[1])), np.zeros(count)
    for start in range(0, len(vectors), BLOCK):
        part, group = vectors[start : start + BLOCK], of[start : start + BLOCK]
        inside = group >= 0
        order = np.argsort(group[inside], kind="stable")
        groups, firsts = np.unique(group[inside][order], return_index=True)
        if len(groups):
            sums[groups] += np.add.reduceat(part[inside][order].astype(np.float64), firsts, axis=0)
            sizes += np.bincount(group[inside], minlength=count)
    return (sums / np.maximum(sizes, 1)[:, None]).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Nearest:
    """(n,) the most similar centre of each vector, and (n,) the cosine."""

    best: NDArray[np.int64]
    cosine: NDArray[np.float32]


def nearest(vectors: Embeddings, centres: Embeddings) -> Nearest:
    """The most similar of (m, dim) unit centres for each of (n, dim) unit vectors; of equal ones the first."""
    best, cosine = np.empty(len(vectors), dtype=np.int64), np.empty(len(vectors), dtype=np.float32)
    for start in range(0, len(vectors), BLOCK):
        scores = vectors[start : start + BLOCK] @ centres.T
        best[start : start + BLOCK] = scores.argmax(axis=1)
        cosine[start : start + BLOCK] = scores.max(axis=1)
    return Nearest(best, cosine)


def refined(vectors: Embeddings, centres: Embeddings, rounds: int = REFINED) -> Embeddings:
    """Move (c, dim) centres to the mean of the vectors nearest to them, some times (Lloyd 1982); none gets lost."""
    for _ in range(rounds):
        best = nearest(vectors, centres).best
        sizes = np.bincount(best, minlength=len(centres))
        moved = unit(means(vectors, best, len(centres))).astype(np.float32)
        centres = np.where(sizes[:, None] > 0, moved, centres)
    return centres


def _k_means(vectors: Embeddings, keys: Keys, count: int) -> Embeddings:
    """Spherical k-means by FAISS. Start and sample follow from the keys, so that more texts change few of them."""
    import faiss

    sample = np.ascontiguousarray(vectors[drawn(keys, count * PER_CENTRE, TRAINED_ON)], dtype=np.float32)
    start = np.ascontiguousarray(vectors[drawn(keys, count, START)], dtype=np.float32)
    found = faiss.Kmeans(
        vectors.shape[1],
        count,
        niter=ROUNDS,
        seed=1,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=max(2, -(-len(sample) // count)),
    )
    found.train(sample, init_centroids=start)
    return unit(np.asarray(found.centroids, dtype=np.float32)).astype(np.float32)
