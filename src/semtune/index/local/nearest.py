"""The nearest rows of a query: exact scans, searches in segments, and the merging of what they find.

The scores of what is found are computed again in one way everywhere, row by row. So equal vectors have equal scores,
wherever they lie, and the one written first comes first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from semtune.index.local import kinds
from semtune.index.local.segments import Rows, Segment
from semtune.types import Embeddings

EXTRA = 16  # candidates beyond k, so that ties at the end are settled by row
CLOSE = 1e-5  # a difference of scores that rounding may make
Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Found:
    """Candidates of n queries: (n, m) rows, -1 where there are fewer, with their scores."""

    rows: Rows
    scores: Scores


def nothing(queries: int) -> Found:
    """No candidates."""
    return Found(np.empty((queries, 0), dtype=np.int64), np.empty((queries, 0), dtype=np.float32))


def merged(found: Iterable[Found], queries: int, k: int) -> Found:
    """The `k` best of several sets of candidates, best first, ties in the order of rows."""
    every = [nothing(queries), *found]
    rows = np.concatenate([one.rows for one in every], axis=1)
    scores = np.concatenate([one.scores for one in every], axis=1)
    scores = np.where(rows < 0, -np.inf, scores)
    order = np.lexsort((rows, -scores), axis=1)[:, :k]
    return Found(np.take_along_axis(rows, order, 1), np.take_along_axis(scores, order, 1))


def exact_scores(vectors: Embeddings, queries: Embeddings) -> Scores:
    """(n, m, dim) candidates and (n, dim) queries → (n, m) inner products, each computed alone."""
    return np.einsum("nmd,nd->nm", vectors, queries)


def scan(rows: Rows, vectors: Embeddings, queries: Embeddings, k: int) -> Found:
    """Compare queries with all of the (m, dim) vectors of some rows."""
    count = len(rows)
    if not count or not len(queries):
        return nothing(len(queries))
    rough = queries @ vectors.T
    wanted = min(count, k + EXTRA)
    while True:
        places = (
            np.argpartition(-rough, wanted - 1, axis=1)[:, :wanted]
            if wanted < count
            else np.broadcast_to(np.arange(count), rough.shape)
        )
        best = np.take_along_axis(rough, places, 1)
        if wanted == count or _settled(best, k):
            break
        wanted = min(count, 4 * wanted)
    return Found(rows[places], exact_scores(vectors[places], queries))


def _settled(scores: Scores, k: int) -> bool:
    """Whether no candidate that was left out can be among the best `k`: (n, m) scores, more than k of each query."""
    ordered = -np.sort(-scores, axis=1)
    return bool((ordered[:, k - 1] - ordered[:, -1] > CLOSE).all())


def scan_blocks(blocks: Iterable[tuple[Rows, Embeddings]], queries: Embeddings, k: int) -> Found:
    """As `scan`, over blocks of rows, with constant memory."""
    best = nothing(len(queries))
    for rows, vectors in blocks:
        best = merged([best, scan(rows, vectors, queries, k)], len(queries), k)
    return best


def search_segment(
    segment: Segment,
    allowed: NDArray[np.bool_] | None,
    queries: Embeddings,
    k: int,
) -> Found:
    """Search a segment with its FAISS index.

    Args:
        segment: that is open.
        allowed: (count,) which positions may be found; None: all.
        queries: (n, dim).
        k: number of rows for each.
    """
    possible = segment.record.count if allowed is None else int(allowed.sum())
    if not possible or not len(queries):
        return nothing(len(queries))
    made: Any = faiss  # its stubs lack the constructor of Python
    selector = None if allowed is None else made.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
    how = kinds.parameters(segment.index, selector, possible / segment.record.count)
    asked = np.ascontiguousarray(queries, dtype=np.float32)
    wanted = min(possible, k * kinds.oversample(segment.record.kind) + EXTRA)
    while True:
        scores, places = segment.index.search(asked, wanted, params=how)
        if wanted == possible or segment.record.kind != "Flat" or _settled(scores, k):
            break
        wanted = min(possible, 4 * wanted)
    missing = places < 0
    rows = segment.map.rows(np.where(missing, 0, places))
    vectors = segment.stored[np.where(missing, 0, places)]
    return Found(np.where(missing, -1, rows), exact_scores(vectors, asked))


def complete(found: Found, k: int, possible: int) -> bool:
    """Whether every query has the `k` candidates that it can have out of `possible` rows."""
    return bool(((found.rows >= 0).sum(axis=1) >= min(k, possible)).all())
