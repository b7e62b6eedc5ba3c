"""How surely a topic is found again (Hennig 2007, "Cluster-wise assessment of cluster stability").

The whole clustering is repeated on resamples of half of the texts. A topic's stability is the mean, over the resamples,
of its best Jaccard index with any node of the resample's tree. Half of the texts, not nine tenths: a mild change leaves
even arbitrary cuts in place, and tells good levels from bad ones less well (measured on BANKING77 and CLINC150).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semtune.progress import Progress
from semtune.tasks.topics.draws import Keys, drawn
from semtune.tasks.topics.micro import ALONE, micro_clusters
from semtune.tasks.topics.ward import Labels, top_of, ward
from semtune.types import Embeddings

RESAMPLES = 10
MOST_DRAWN = 50_000  # texts of a resample
UNSTABLE = 0.5  # a topic below is dissolved more often than found again (Hennig 2007)

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Resample:
    """What was found in a part of the texts.

    Attributes:
        rows: of the texts that were drawn.
        leaf_of: (rows,) the leaf of each, in the tree that was found.
        members: (nodes, leaves) of that tree.
    """

    rows: Labels
    leaf_of: Labels
    members: NDArray[np.bool_]


def resampled(vectors: Embeddings, keys: Keys, leaves: int, seed: int, progress: Progress) -> list[Resample]:
    """Repeat the clustering of (n, dim) vectors on `RESAMPLES` halves of them."""
    found = []
    with progress.track("find the topics again in parts of the texts", RESAMPLES) as advance:
        for number in range(RESAMPLES):
            rows = drawn(keys, min(max(1, len(keys) // 2), MOST_DRAWN), 1_000 + seed * RESAMPLES + number)
            micro = micro_clusters(vectors[rows], keys[rows], ALONE // 2)
            top = top_of(ward(micro.centres, micro.weights), leaves)
            found.append(Resample(rows, top.leaf_of[micro.of], top.members))
            advance(1)
    return found


def stability(resamples: list[Resample], group_of: Labels, members: NDArray[np.bool_]) -> Numbers:
    """(sets,) the stability of sets of texts.

    Args:
        resamples: what was found again.
        group_of: (n,) the group of each text; -1: none.
        members: (sets, groups) which groups each set consists of.
    """
    total = np.zeros(len(members))
    sets = members.astype(np.float32)
    for part in resamples:
        table = np.zeros((members.shape[1], part.members.shape[1]), dtype=np.float32)
        group = group_of[part.rows]
        np.add.at(table, (group[group >= 0], part.leaf_of[group >= 0]), 1.0)
        sizes = np.bincount(part.leaf_of, minlength=part.members.shape[1]).astype(np.float32)
        others = part.members.astype(np.float32)
        shared = (sets @ table) @ others.T
        either = (sets @ table.sum(axis=1))[:, None] + (others @ sizes)[None, :] - shared
        total += (shared / np.maximum(either, 1.0)).max(axis=1)
    return total / len(resamples)
