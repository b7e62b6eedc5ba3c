"""A local collection at one moment: a read transaction, and the view of the segments that belongs to it."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from semtune.errors import InputError
from semtune.index.collection import Match
from semtune.index.filters import Filter
from semtune.index.local import database, fulltext
from semtune.index.local.filter_sql import FilterSql, translate
from semtune.index.local.nearest import Found, complete, merged, scan, scan_blocks, search_segment
from semtune.index.local.segments import Rows
from semtune.index.local.view import Part, View, as_vectors
from semtune.types import Document, Embeddings

PAGE = 1000  # documents or vectors read at a time
BLOCK = 4096  # vectors compared at a time
SCANNED = 20_000  # passing rows up to which a filtered search compares them all
SCANNED_SHARE = 0.05  # or this share of all rows
GATHERED = 32_768  # vectors gathered at a time


class LocalSnapshot:
    """See `Snapshot`. Threads share one connection, which one of them uses at a time."""

    def __init__(self, connection: sqlite3.Connection, view: View, dimension: int, path: Path) -> None:
        """Read with a connection that is in a transaction."""
        self._connection, self._view, self._dimension, self._path = connection, view, dimension, path
        self._lock = threading.RLock()

    @property
    def language(self) -> str:
        """The language that the terms of the full text were made for; empty where none is clear."""
        with self._lock, database.in_words(self._path):
            return str(database.get(self._connection, fulltext.LANGUAGE, ""))

    @property
    def is_exact(self) -> bool:
        """Whether every search compares with all vectors."""
        return all(part.record.kind == "Flat" for part in self._view.parts)

    def exact_scores(self, vectors: Embeddings, k: int) -> Embeddings:
        """For each of the (n, dim) query vectors the `k` largest inner products, by comparison with all."""
        rows = np.array([row for (row,) in self._select("SELECT row FROM documents ORDER BY row", ())], dtype=np.int64)
        return self._compared(rows, np.ascontiguousarray(vectors, dtype=np.float32), k).scores

    def some_vectors(self, count: int) -> Embeddings:
        """Up to `count` vectors, spread evenly over all documents."""
        step = max(1, self._view.count // count)
        found = self._select("SELECT vector FROM vectors WHERE row % ? = 0 LIMIT ?", (step, count))
        return as_vectors([vector for (vector,) in found], self._dimension)

    def count(self, where: Filter | None = None) -> int:
        """Number of documents, of those that pass a filter."""
        return self._view.count if where is None else len(self._passing(where))

    def get(self, ids: Sequence[str]) -> list[Document | None]:
        """The documents of these ids, in this order; None for an id that is not there."""
        found = {
            name: Document(name, text, title, json.loads(metadata))
            for name, title, text, metadata in self._by_id(
                "SELECT id, title, text, metadata FROM documents JOIN texts USING(row) WHERE id IN", ids
            )
        }
        return [found.get(name) for name in ids]

    def hashes(self, ids: Sequence[str]) -> dict[str, str]:
        """Id → hash of the document's content, for those that are there."""
        return dict(self._by_id("SELECT id, hash FROM documents WHERE id IN", ids))

    def documents(self) -> Iterator[Document]:
        """All documents, in the order in which they were written."""
        last = 0
        while page := self._select(
            "SELECT row, id, title, text, metadata FROM documents JOIN texts USING(row) WHERE row > ? "
            "ORDER BY row LIMIT ?",
            (last, PAGE),
        ):
            for _, name, title, text, metadata in page:
                yield Document(name, text, title, json.loads(metadata))
            last = page[-1][0]

    def vectors(self, ids: Sequence[str]) -> Embeddings:
        """The (n, dim) vectors of these ids, in this order.

        Raises:
            InputError: an id is not there.
        """
        found = dict(self._by_id("SELECT id, vector FROM documents JOIN vectors USING(row) WHERE id IN", ids))
        unknown = next((name for name in ids if name not in found), None)
        if unknown is not None:
            raise InputError(f"The index has no document {unknown!r}. Give the id of one that it has.")
        return as_vectors([found[name] for name in ids], self._dimension)

    def search(self, vectors: Embeddings, k: int, where: Filter | None = None) -> list[list[Match]]:
        """For each of the (n, dim) query vectors, the `k` documents of largest inner product, best first."""
        queries = np.ascontiguousarray(vectors, dtype=np.float32)
        if queries.ndim != 2 or (len(queries) and queries.shape[1] != self._dimension):
            raise InputError(
                f"The index has vectors of {self._dimension} dimensions; the query vectors have the shape "
                f"{queries.shape}. Ask with the model that made the index."
            )
        k = min(k, self._view.count)
        if k < 1 or not len(queries):
            return [[] for _ in queries]
        return self._named(self._nearest(queries, k, None if where is None else self._passing(where)))

    def keyword_search(self, queries: Sequence[str], k: int, where: Filter | None = None) -> list[list[Match]]:
        """For each query, the `k` documents of largest BM25 score."""
        made = FilterSql("") if where is None else translate(where)
        with self._lock, database.in_words(self._path):
            made.install(self._connection)
            return [
                [Match(*one) for one in fulltext.search(self._connection, query, k, made.condition, made.values)]
                for query in queries
            ]

    def _nearest(self, queries: Embeddings, k: int, allowed: Rows | None) -> Found:
        if allowed is not None and len(allowed) <= max(SCANNED, SCANNED_SHARE * self._view.count):
            return self._compared(allowed, queries, k)
        found = [self._in_part(part, queries, k, allowed) for part in self._view.parts]
        rows, vectors = self._view.delta.alive()
        if allowed is not None and len(rows):
            kept = np.isin(rows, allowed, assume_unique=True)
            rows, vectors = rows[kept], vectors[kept]
        return merged([*found, scan(rows, vectors, queries, k)], len(queries), k)

    def _in_part(self, part: Part, queries: Embeddings, k: int, allowed: Rows | None) -> Found:
        segment = part.segment.get()
        if segment is None:
            first, last = part.record.ends
            return scan_blocks(self._stored(first, last, allowed), queries, k)
        mask = None if part.dead is None else ~part.dead
        if allowed is not None:
            chosen = np.zeros(part.record.count, dtype=bool)
            chosen[part.segment.map.positions(allowed)] = True
            mask = chosen  # rows that pass are alive
        found = search_segment(segment, mask, queries, k)
        if allowed is None or mask is None or complete(found, k, int(mask.sum())):
            return found
        first, last = part.record.ends  # the graph did not reach enough of those that pass
        return self._compared(allowed[(allowed >= first) & (allowed <= last)], queries, k)

    def _compared(self, rows: Rows, queries: Embeddings, k: int) -> Found:
        """Exact comparison with these rows."""
        starts = range(0, len(rows), GATHERED)
        return scan_blocks(
            ((part, self._gather(part)) for part in (rows[start : start + GATHERED] for start in starts)), queries, k
        )

    def _gather(self, rows: Rows) -> Embeddings:
        """The vectors of ascending rows, from the segments where they keep them as given, else from the database."""
        made = np.empty((len(rows), self._dimension), dtype=np.float32)
        missing = np.ones(len(rows), dtype=bool)
        for part in self._view.parts:
            segment = part.segment.get()
            if segment is None:
                continue
            first, last = (
                np.searchsorted(rows, part.record.ends[0]),
                np.searchsorted(rows, part.record.ends[1], "right"),
            )
            made[first:last] = segment.stored[segment.map.positions(rows[first:last])]
            missing[first:last] = False
        delta = self._view.delta
        newest = np.flatnonzero(rows > self._view.sealed)
        made[newest] = delta.vectors[np.searchsorted(delta.rows[: delta.used], rows[newest])]
        missing[newest] = False
        if missing.any():
            made[missing] = self._fetch(rows[missing])
        return made

    def _fetch(self, rows: Rows) -> Embeddings:
        """The vectors of ascending rows, from the database."""
        found: list[bytes] = []
        for signs, some in database.portions(rows.tolist()):
            found += [
                v for (v,) in self._select(f"SELECT vector FROM vectors WHERE row IN ({signs}) ORDER BY row", some)
            ]
        return as_vectors(found, self._dimension)

    def _stored(self, first: int, last: int, allowed: Rows | None = None) -> Iterator[tuple[Rows, Embeddings]]:
        """Blocks of the vectors in the database from row `first` to `last`."""
        while page := self._select(
            "SELECT row, vector FROM vectors WHERE row BETWEEN ? AND ? ORDER BY row LIMIT ?", (first, last, BLOCK)
        ):
            rows, vectors = np.array([row for row, _ in page]), as_vectors([v for _, v in page], self._dimension)
            first = page[-1][0] + 1
            kept = np.isin(rows, allowed, assume_unique=True) if allowed is not None else np.ones(len(rows), dtype=bool)
            yield rows[kept], vectors[kept]

    def _named(self, found: Found) -> list[list[Match]]:
        """Rows as ids; one that the database does not have any more is left out."""
        wanted = np.unique(found.rows[found.rows >= 0]).tolist()
        names: dict[int, str] = {}
        for signs, some in database.portions(wanted):
            names.update(self._select(f"SELECT row, id FROM documents WHERE row IN ({signs})", some))
        return [
            [Match(names[row], score) for row, score in zip(rows, scores, strict=True) if row in names]
            for rows, scores in zip(found.rows.tolist(), found.scores.tolist(), strict=True)
        ]

    def _passing(self, where: Filter) -> Rows:
        with self._lock, database.in_words(self._path):
            return self._view.passing(where, self._connection)

    def _by_id(self, statement: str, ids: Sequence[str]) -> list[tuple[Any, ...]]:
        """What a statement that ends with IN gives for ids; such as no database can hold are left out."""
        wanted = list(dict.fromkeys(name for name in ids if is_text(name)))
        found: list[tuple[Any, ...]] = []
        for signs, some in database.portions(wanted):
            found += self._select(f"{statement} ({signs})", some)
        return found

    def _select(self, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        with self._lock, database.in_words(self._path):
            return self._connection.execute(statement, values).fetchall()


def is_text(value: str) -> bool:
    """Whether a string can be written as UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
