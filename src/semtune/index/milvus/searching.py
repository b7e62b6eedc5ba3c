"""Search in Milvus, with filters and equal scores in order: fetch, check, fetch more, or compare with all."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semtune.index.collection import Match
from semtune.index.filters import Filter, matches
from semtune.index.milvus.filters import EVERYTHING, translate
from semtune.index.milvus.reading import Reader, vectors_at_once
from semtune.types import Embeddings

MOST = 16_384  # rows that a server returns for one query
SPARE = 16
ROWS_AT_ONCE = 10_000  # over all queries of a request
WIDER = 8

Row = dict[str, Any]
Found = tuple[float, int, str]  # minus the score, the place and the id: ascending is best first


def best(reader: Reader, asked: Embeddings, k: int, where: Filter | None, exact: bool) -> list[list[Match]]:
    """The `k` best documents that pass a filter, for each of (n, dim) queries.

    Args:
        exact: the index compares with every vector, so that a short answer means that there are no more.
    """
    answers: dict[int, list[Found]] = {}
    pending, limit = list(range(len(asked))), k + SPARE
    expression = translate(where).candidates if where else ""
    while pending and limit <= MOST:
        for i, rows in zip(pending, _fetched(reader, asked[pending], limit, expression, where), strict=True):
            found = sorted(_passing(reader, rows, where))
            if _settled(reader, found, rows, k, limit, expression, exact):
                answers[i] = found[:k]
        pending = [i for i in pending if i not in answers]
        limit = min(limit * WIDER, MOST) if limit < MOST else MOST + 1
    for i, found in zip(pending, _compared(reader, asked[pending], k, where), strict=True):
        answers[i] = found
    return [[Match(name, -minus) for minus, _, name in answers[i]] for i in range(len(asked))]


def _fetched(reader: Reader, asked: Embeddings, limit: int, expression: str, where: Filter | None) -> list[list[Row]]:
    """Rows for each query, in requests of a moderate size."""
    fields = ["place", "metadata", "careful"] if where else ["place"]
    step = max(1, ROWS_AT_ONCE // limit)
    return [
        rows
        for start in range(0, len(asked), step)
        for rows in reader.search([v.tolist() for v in asked[start : start + step]], limit, expression, fields)
    ]


def _passing(reader: Reader, rows: list[Row], where: Filter | None) -> list[Found]:
    """The rows whose metadata passes; an expression lets through what it cannot decide."""
    if where is not None:
        careful = [row["id"] for row in rows if row["careful"]]
        read = reader.documents(careful) if careful else {}
        rows = [
            row for row in rows if matches(where, read[row["id"]].metadata if row["id"] in read else row["metadata"])
        ]
    return [(-row["score"], row["place"], row["id"]) for row in rows]


def _settled(
    reader: Reader, found: list[Found], rows: list[Row], k: int, limit: int, expression: str, exact: bool
) -> bool:
    """Whether nothing that was not fetched belongs to the `k` best."""
    if len(rows) < limit:  # a graph may return fewer than there are
        return exact or len(found) >= k or len(rows) >= reader.count(expression)
    return len(found) >= k and (not exact or -rows[-1]["score"] > found[k - 1][0])


def _compared(reader: Reader, asked: Embeddings, k: int, where: Filter | None) -> list[list[Found]]:
    """The best of all documents that pass, compared one by one in numpy: exact, whatever the filter."""
    kept: list[list[Found]] = [[] for _ in asked]
    if not len(asked):
        return kept
    expression = translate(where).candidates if where else EVERYTHING
    fields = ["place", "vector", *(["metadata", "careful"] if where else [])]
    for page in reader.pages(expression, fields, vectors_at_once(asked.shape[1])):
        vectors = {row["id"]: np.asarray(row["vector"], dtype=np.float32) for row in page}
        passing = _passing(reader, [{"score": 0.0, **row} for row in page], where)
        matrix = np.array([vectors[name] for _, _, name in passing], dtype=np.float32).reshape(len(passing), -1)
        for i, query in enumerate(asked):
            kept[i] = heapq.nsmallest(k, [*kept[i], *_scored(passing, matrix, query)])
    return kept


def _scored(passing: list[Found], matrix: Embeddings, query: NDArray[np.float32]) -> list[Found]:
    if not passing:
        return []
    scores = (matrix @ query).tolist()
    return [(-score, place, name) for score, (_, place, name) in zip(scores, passing, strict=True)]
