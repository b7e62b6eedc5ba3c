"""Items that were hardly used borrow from those that they are like, so that what is new is recommended, too.

Without this an item that nobody used yet stands below everything that was used together with the history, however well
its text fits. Measured on held-out events in benchmarks/uses_recommend.py; the idea of mapping contents to what
collaborative filtering learns is that of Gantner et al. 2010, "Learning attribute-to-feature mappings for cold-start
recommendations".
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semtune.tasks.recommend.cooccurrence import Cooccurrence, best_of_rows
from semtune.types import Embeddings

LENDERS = 5  # used items that a rare one borrows from
PRIOR = 1.0  # baskets that what is borrowed counts as
OFTEN = 10  # baskets from which an item needs nothing
POWER = 4  # of the cosine, in the shares of the lenders
BLOCK = 1_024  # items compared at a time


def with_borrowed(learned: Cooccurrence, vectors: Embeddings) -> Cooccurrence:
    """The co-occurrence in which rare items have a part of that of the used items nearest to them.

    An item of n baskets, n < OFTEN, keeps n / (n + PRIOR) of its own, and takes the rest from its LENDERS nearest used
    items. That holds for what is recommended with it, and for what it is recommended with.

    Args:
        learned: from baskets.
        vectors: (items, dim) of unit length.
    """
    from scipy.sparse import csr_matrix

    if not learned.counts.any():
        return learned
    mixing = _mixing(learned.counts, vectors)
    items, width = learned.rows.shape
    known = learned.rows.ravel() >= 0
    places = (np.repeat(np.arange(items), width)[known], learned.rows.ravel()[known])
    own = csr_matrix((learned.scores.ravel()[known], places), (items, items))
    rows, scores = best_of_rows((mixing @ own @ mixing.T).tocsr(), width)
    return replace(learned, rows=rows, scores=scores)


def _mixing(counts: NDArray[np.int64], vectors: Embeddings) -> Any:
    """(items, items) sparse: what part of each item's co-occurrence comes from which item."""
    from scipy.sparse import csr_matrix, diags_array

    used = np.flatnonzero(counts)
    rare = np.flatnonzero(counts < OFTEN)
    kept = np.ones(len(counts), np.float32)
    lenders, cosines = _nearest_used(rare, used, vectors)
    shares = np.maximum(cosines, 0.0) ** POWER
    total = shares.sum(axis=1, keepdims=True)
    has = total[:, 0] > 0
    kept[rare[has]] = (counts[rare[has]] / (counts[rare[has]] + PRIOR)).astype(np.float32)
    shares = shares[has] / total[has] * (1 - kept[rare[has]])[:, None]
    places = (np.repeat(rare[has], shares.shape[1]), lenders[has].ravel())
    borrowed = csr_matrix((shares.ravel(), places), (len(counts), len(counts)))
    return (diags_array(kept) + borrowed).tocsr()


def _nearest_used(
    rare: NDArray[np.int64], used: NDArray[np.int64], vectors: Embeddings
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """(rare, LENDERS) rows of the nearest used items but itself, and their cosines."""
    most = min(LENDERS, len(used))
    rows = np.zeros((len(rare), most), np.int64)
    cosines = np.zeros((len(rare), most), np.float32)
    for start in range(0, len(rare), BLOCK):
        part = slice(start, start + BLOCK)
        found = vectors[rare[part]] @ vectors[used].T
        found[rare[part][:, None] == used[None, :]] = 0.0
        best = np.sort(np.argpartition(-found, most - 1, axis=1)[:, :most], axis=1)
        values = np.take_along_axis(found, best, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        rows[part] = used[np.take_along_axis(best, order, axis=1)]
        cosines[part] = np.take_along_axis(values, order, axis=1)
    return rows, cosines
