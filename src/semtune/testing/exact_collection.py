"""A collection in memory, searched by brute force: the reference that other back-ends are held against."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property

import numpy as np

from semtune.errors import InputError
from semtune.index.batch import check_batch, checked_vectors
from semtune.index.collection import Changed, Match, content_hash
from semtune.index.filters import Filter, matches
from semtune.index.manifest import IndexManifest
from semtune.progress import QUIET, Progress
from semtune.types import Document, Embeddings

Row = tuple[Document, str, np.ndarray]  # a document, its content hash and its (dim,) vector


def toy_manifest(dimension: int, backend: str = "exact") -> IndexManifest:
    """The manifest of an empty index that belongs to no real model."""
    return IndexManifest(
        backend=backend, index_type="Flat", metric="ip", dimension=dimension, count=0, model="model", model_name="toy",
        fingerprint=f"toy-{dimension}", runtime="toy", recall_at_10=1.0, truncated=0,
    )  # fmt: skip


class ExactSnapshot:
    """A state of an `ExactCollection`; it never changes. See `semtune.index.collection.Snapshot`."""

    def __init__(self, rows: Mapping[str, Row], dimension: int) -> None:
        """Take rows by id, in the order in which they were written; they must not be changed afterwards."""
        self._rows = rows
        self._dimension = dimension

    @property
    def language(self) -> str:
        """Empty: there is no full text."""
        return ""

    @cached_property
    def _matrix(self) -> Embeddings:
        vectors = [row[2] for row in self._rows.values()]
        return np.array(vectors, dtype=np.float32).reshape(len(vectors), self._dimension)

    def count(self, where: Filter | None = None) -> int:
        """Number of documents, of those that pass a filter."""
        return len(self._passing(where))

    def get(self, ids: Sequence[str]) -> list[Document | None]:
        """The documents of these ids, in this order; None for an id that is not there."""
        return [_copied(self._rows[i][0]) if i in self._rows else None for i in ids]

    def hashes(self, ids: Sequence[str]) -> dict[str, str]:
        """Document id → `content_hash`, for those that are there."""
        return {i: self._rows[i][1] for i in ids if i in self._rows}

    def documents(self) -> Iterator[Document]:
        """All documents, in the order in which they were written; one that was updated was written then."""
        return (_copied(row[0]) for row in self._rows.values())

    def vectors(self, ids: Sequence[str]) -> Embeddings:
        """The (n, dim) vectors of these ids, in this order.

        Raises:
            InputError: an id is not there.
        """
        missing = next((i for i in ids if i not in self._rows), None)
        if missing is not None:
            raise InputError(f"The index has no document {missing!r}.")
        return np.array([self._rows[i][2] for i in ids], dtype=np.float32).reshape(len(ids), self._dimension)

    def search(self, vectors: Embeddings, k: int, where: Filter | None = None) -> list[list[Match]]:
        """The `k` documents of largest inner product for each query; of equal ones the first written comes first."""
        asked = checked_vectors(vectors, len(vectors), self._dimension)
        passing = self._passing(where)
        ids = list(self._rows)
        scores = asked @ self._matrix[passing].T
        best = np.argsort(-scores, axis=1, kind="stable")[:, : max(k, 0)]
        return [
            [Match(ids[passing[place]], float(row[place])) for place in order]
            for row, order in zip(scores, best, strict=True)
        ]

    def keyword_search(self, queries: Sequence[str], k: int, where: Filter | None = None) -> list[list[Match]]:
        """Refuse: there is no full text.

        Raises:
            InputError: always.
        """
        del queries, k, where
        raise InputError("An index in memory has no full text. Search by meaning: --mode dense.")

    def _passing(self, where: Filter | None) -> list[int]:
        rows = enumerate(self._rows.values())
        return [place for place, row in rows if where is None or matches(where, row[0].metadata)]


class ExactCollection:
    """Documents and vectors in memory; see `semtune.index.collection.Collection`.

    Thread-safe. A write makes a new state, so a snapshot costs nothing and stays as it is.
    """

    has_full_text = False

    def __init__(self, manifest: IndexManifest) -> None:
        self.manifest = manifest
        self._rows: dict[str, Row] = {}
        self._writing = threading.Lock()

    @classmethod
    def empty(cls, dimension: int) -> ExactCollection:
        """An empty collection for vectors of this dimension."""
        return cls(toy_manifest(dimension))

    def snapshot(self) -> AbstractContextManager[ExactSnapshot]:
        """What is there now, to read from."""
        return nullcontext(ExactSnapshot(self._rows, self.manifest.dimension))

    def upsert(self, documents: Sequence[Document], vectors: Embeddings) -> Changed:
        """Write documents with their (n, dim) vectors; one with the id of another replaces it.

        Raises:
            InputError: see `semtune.index.batch.check_batch`; nothing was written.
        """
        kept = check_batch(documents, vectors, self.manifest.dimension)
        with self._writing:
            rows, added, updated = dict(self._rows), 0, 0
            for document, vector in zip(documents, kept, strict=True):
                old, new = rows.get(document.id), (_copied(document), content_hash(document), vector.copy())
                if old is not None and old[1] == new[1] and np.array_equal(old[2], new[2]):
                    continue
                rows.pop(document.id, None)  # written last, so it is last
                rows[document.id] = new
                added, updated = added + (old is None), updated + (old is not None)
            self._rows = rows
        return Changed(added, updated, len(documents) - added - updated)

    def delete(self, ids: Sequence[str]) -> int:
        """Delete documents; returns how many there were."""
        gone = set(ids)
        with self._writing:
            rows = {i: row for i, row in self._rows.items() if i not in gone}
            deleted, self._rows = len(self._rows) - len(rows), rows
        return deleted

    def compact(self, progress: Progress = QUIET, probes: Embeddings | None = None) -> None:
        """Do nothing: nothing is left behind by writes."""

    def verify(self) -> list[str]:
        """Check the hashes and the vectors; returns what is wrong, in words."""
        rows = self._rows
        return [f"The document {i!r} was changed." for i, row in rows.items() if content_hash(row[0]) != row[1]]

    def close(self) -> None:
        """Do nothing: there is nothing to close."""


def _copied(document: Document) -> Document:
    """A copy that shares nothing which could be changed."""
    return Document(document.id, document.text, document.title, json.loads(json.dumps(dict(document.metadata))))
