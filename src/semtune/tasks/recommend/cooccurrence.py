"""Items that are used together: item-to-item similarities of baskets, by `implicit`, and popularity.

Fitting needs the extra `recommend`; what was fitted is two arrays, which are read with numpy alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast, get_args

import numpy as np
from numpy.typing import NDArray

from semtune.registry import need

Baskets: TypeAlias = Sequence[Sequence[int]]
"""Rows of the items of each basket."""
Method: TypeAlias = Literal["cosine", "bm25"]
METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True, slots=True)
class Cooccurrence:
    """What was used together with each item, and how often each was used.

    Attributes:
        rows: (n, k) of the items most often used together with each, best first; -1 where there are fewer.
        scores: (n, k) how strongly.
        counts: (n,) number of baskets with each item.
        baskets: number of them.
    """

    rows: NDArray[np.int32]
    scores: NDArray[np.float32]
    counts: NDArray[np.int64]
    baskets: int

    def together(self, history: Sequence[int], weights: Sequence[float]) -> tuple[NDArray[np.int64], Any]:
        """Rows of what was used together with a history, rising, and the (m,) weighted sums of their scores."""
        rows = self.rows[list(history)].ravel()
        values = (self.scores[list(history)] * np.asarray(weights, np.float32)[:, None]).ravel()
        found, places = np.unique(rows, return_inverse=True)
        sums = np.bincount(places, weights=values, minlength=len(found)).astype(np.float32)
        known = found >= 0
        return found[known].astype(np.int64), sums[known]

    def novelty(self) -> NDArray[np.float64]:
        """(n,) self-information of each item in bits: -log2 of the share of baskets with it.

        Zhou et al. 2010, "Solving the apparent diversity-accuracy dilemma of recommender systems". One basket is added
        to each count, so that an item that nobody used has a finite value.
        """
        return -np.log2((self.counts + 1) / (self.baskets + 1))


def counts_of(baskets: Baskets, items: int) -> NDArray[np.int64]:
    """(items,) number of baskets with each item."""
    flat = np.fromiter((row for basket in baskets for row in basket), np.int64)
    return np.bincount(flat, minlength=items)


def user_items(baskets: Baskets, items: int) -> Any:
    """(baskets, items) sparse matrix of ones.

    Raises:
        MissingExtraError: `implicit` is not installed.
    """
    need("implicit")
    from scipy.sparse import csr_matrix

    sizes = np.array([len(basket) for basket in baskets], np.int64)
    columns = np.fromiter((row for basket in baskets for row in sorted(basket)), np.int32, int(sizes.sum()))
    starts = np.concatenate([[0], np.cumsum(sizes)])
    return csr_matrix((np.ones(len(columns), np.float32), columns, starts), shape=(len(sizes), items))


def fit(baskets: Baskets, items: int, method: Method = "cosine", neighbours: int = 100) -> Cooccurrence:
    """What is used together in baskets.

    Cosine between the items' columns (Sarwar et al. 2001, "Item-based collaborative filtering"), of counts weighted by
    BM25 if `method` says so.

    Args:
        baskets: rows of items; each item at most once a basket.
        items: number of items in all.
        method: of the similarity.
        neighbours: kept for each item.

    Raises:
        MissingExtraError: `implicit` is not installed.
    """
    matrix = user_items(baskets, items)
    from implicit.nearest_neighbours import BM25Recommender, CosineRecommender

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads of a library that this computation does not use
        model = (BM25Recommender if method == "bm25" else CosineRecommender)(K=neighbours + 1, num_threads=1)
        model.fit(matrix, show_progress=False)
    rows, scores = best_of_rows(cast("Any", model.similarity).tocsr(), neighbours)
    return Cooccurrence(rows, scores, counts_of(baskets, items), len(baskets))


def best_of_rows(matrix: Any, neighbours: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The best neighbours of each row but itself; equal ones by their row."""
    items = matrix.shape[0]
    rows = np.full((items, neighbours), -1, np.int32)
    scores = np.zeros((items, neighbours), np.float32)
    for item in range(items):
        part = slice(matrix.indptr[item], matrix.indptr[item + 1])
        found, values = matrix.indices[part], matrix.data[part]
        keep = (found != item) & (values > 0)
        found, values = found[keep], values[keep]
        order = np.lexsort((found, -values))[:neighbours]
        rows[item, : len(order)], scores[item, : len(order)] = found[order], values[order]
    return rows, scores
