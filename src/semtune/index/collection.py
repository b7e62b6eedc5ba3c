"""The seam between search and where documents and their vectors are kept: one API over exact, local and Milvus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from semtune.index.filters import Filter
from semtune.index.manifest import IndexManifest
from semtune.index.settings import IndexSettings
from semtune.progress import QUIET, Progress
from semtune.types import Document, Embeddings

AT_ONCE = 4_096  # vectors read at a time


class Match(NamedTuple):
    """A document found, by id; a bigger score is better."""

    id: str
    score: float


@dataclass(frozen=True, slots=True)
class Changed:
    """Numbers of documents that a write added, updated, and left as they were because nothing in them changed."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0


class Snapshot(Protocol):
    """A collection at one moment: what others write meanwhile is not seen. Safe to use from many threads.

    Attributes:
        language: the language that the terms of the full text were made for; empty where none is clear, and without
            full text.
    """

    @property
    def language(self) -> str: ...  # noqa: D102 - see above

    def count(self, where: Filter | None = None) -> int:
        """Number of documents, of those that pass a filter."""
        ...

    def get(self, ids: Sequence[str]) -> list[Document | None]:
        """The documents of these ids, in this order; None for an id that is not there."""
        ...

    def hashes(self, ids: Sequence[str]) -> dict[str, str]:
        """Document id → `content_hash` of the document, for those that are there."""
        ...

    def documents(self) -> Iterator[Document]:
        """All documents, in the order in which they were written."""
        ...

    def vectors(self, ids: Sequence[str]) -> Embeddings:
        """The (n, dim) vectors of these ids, in this order.

        Raises:
            InputError: an id is not there.
        """
        ...

    def search(self, vectors: Embeddings, k: int, where: Filter | None = None) -> list[list[Match]]:
        """For each of the (n, dim) query vectors, the `k` documents of largest inner product, best first.

        With equal scores, the one written first comes first. Fewer than `k` where fewer pass the filter.
        """
        ...

    def keyword_search(self, queries: Sequence[str], k: int, where: Filter | None = None) -> list[list[Match]]:
        """For each query, the `k` documents of largest BM25 score; only those that contain a word of the query.

        Raises:
            InputError: the back-end has no full text (`Collection.has_full_text` is False).
        """
        ...


class Collection(Protocol):
    """Documents with their vectors, which can be written and read. One writer at a time, many readers.

    Attributes:
        manifest: whose vectors they are.
        has_full_text: whether `keyword_search` works.
    """

    manifest: IndexManifest
    has_full_text: bool

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """What is there now, to read from."""
        ...

    def upsert(self, documents: Sequence[Document], vectors: Embeddings) -> Changed:
        """Write documents with their (n, dim) vectors; one with the id of another replaces it.

        All of them are written or none, and they are safe on disk when this returns.

        Raises:
            InputError: two have the same id, a vector is not finite or has another dimension, or another process is
                writing.
            StorageError: the disk is full or the database cannot be reached; the message says what was written.
        """
        ...

    def delete(self, ids: Sequence[str]) -> int:
        """Delete documents; returns how many there were. Ids that are not there are ignored."""
        ...

    def compact(self, progress: Progress = QUIET, probes: Embeddings | None = None) -> None:
        """Bring the vectors into the form that is searched fastest, and drop what was deleted.

        Args:
            progress: shown while it works.
            probes: (m, dim) vectors of real queries, to choose that form with; None: those of the last time, if any.
        """
        ...

    def verify(self) -> list[str]:
        """Check everything that is stored; returns what is wrong, in words, or an empty list."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


class CollectionBackend(Protocol):
    """Makes and opens collections: what a line of the registry's table of indexes names."""

    def create(self, folder: Path, home: Path, settings: IndexSettings, manifest: IndexManifest) -> Collection:
        """Make an empty collection; its files go into the empty `folder`, which will lie at `home` when it is whole."""
        ...

    def open(self, folder: Path, manifest: IndexManifest) -> Collection:
        """Open what `create` made. The right to write is taken at the first write.

        Raises:
            InputError: it is damaged or another index's, or its database cannot be reached.
        """
        ...

    def size(self, folder: Path, manifest: IndexManifest) -> int | None:
        """Bytes on disk; None where a server keeps them."""
        ...

    def outside(self, manifest: IndexManifest) -> list[Path]:
        """Files outside the index folder that it needs."""
        ...


def content_hash(document: Document) -> str:
    """A hash of id, title, text and metadata: equal hashes mean that nothing needs to be written or encoded again."""
    from semtune.io import sha256_json

    return sha256_json([document.id, document.title, document.text, dict(document.metadata)])


def read_vectors(snapshot: Snapshot, ids: Sequence[str], progress: Progress = QUIET) -> Embeddings:
    """The (n, dim) vectors of many ids, in this order, read in parts; at least one.

    Raises:
        InputError: an id is not there.
    """
    found = np.empty((0, 0), dtype=np.float32)
    with progress.track("read vectors", len(ids)) as advance:
        for start in range(0, len(ids), AT_ONCE):
            part = snapshot.vectors(ids[start : start + AT_ONCE])
            if not start:
                found = np.empty((len(ids), part.shape[1]), dtype=np.float32)
            found[start : start + len(part)] = part
            advance(len(part))
    return found
