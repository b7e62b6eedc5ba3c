"""Index folders of before there were collections: rows of vectors beside a file of documents. They open for search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import NoReturn

import numpy as np

from semtune.errors import InputError
from semtune.index.collection import Changed, Match, Snapshot, content_hash
from semtune.index.documents import DocumentStore, write_store
from semtune.index.exact import ExactIndex
from semtune.index.faiss import FaissIndex
from semtune.index.filters import Filter, matches
from semtune.index.manifest import IndexManifest
from semtune.index.settings import IndexSettings
from semtune.progress import QUIET, Progress
from semtune.protocols import Backend, VectorIndex
from semtune.types import Document, Embeddings

BLOCK = 1024  # documents read at a time


class OldCollection:
    """An old index folder, which can be read but not written; it is its own snapshot, since nothing changes."""

    has_full_text = False

    def __init__(self, vectors: VectorIndex, documents: DocumentStore, manifest: IndexManifest, folder: Path) -> None:
        """Combine what is open.

        Raises:
            InputError: their counts differ.
        """
        if len(documents) != manifest.count:
            raise InputError(
                f"The manifest of {folder} says {manifest.count} documents, but there are {len(documents)}. Build the "
                "index again with `semtune index`."
            )
        self.manifest = manifest
        self._index = vectors
        self._documents = documents
        self._folder = folder

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """The index itself."""
        return nullcontext(self)

    @property
    def language(self) -> str:
        """Empty: there is no full text."""
        return ""

    def count(self, where: Filter | None = None) -> int:
        """Number of documents that pass."""
        return len(self._documents) if where is None else len(self._passing(where))

    def get(self, ids: Sequence[str]) -> list[Document | None]:
        """The documents of these ids."""
        return [None if (row := self._rows.get(name)) is None else self._documents.get([row])[0] for name in ids]

    def hashes(self, ids: Sequence[str]) -> dict[str, str]:
        """Id → hash of the documents that are there."""
        return {document.id: content_hash(document) for document in self.get(ids) if document is not None}

    def documents(self) -> Iterator[Document]:
        """All documents in the order of their rows."""
        for start in range(0, len(self._documents), BLOCK):
            yield from self._documents.get(range(start, min(start + BLOCK, len(self._documents))))

    def vectors(self, ids: Sequence[str]) -> Embeddings:
        """The (n, dim) vectors of these ids.

        Raises:
            InputError: an id is not there, or the vectors are in a database of before, which does not give them back.
        """
        unknown = next((name for name in ids if name not in self._rows), None)
        if unknown is not None:
            raise InputError(f"The index has no document {unknown!r}.")
        return self._faiss().vectors(np.array([self._rows[name] for name in ids], dtype=np.int64))

    def search(self, vectors: Embeddings, k: int, where: Filter | None = None) -> list[list[Match]]:
        """The `k` most similar documents for each query vector."""
        if where is None:
            found, rows = self._index.search(vectors, min(k, len(self._documents))), None
        else:
            rows = np.array(self._passing(where), dtype=np.int64)
            found = ExactIndex(self._faiss().vectors(rows)).search(vectors, min(k, len(rows)))
        answers = []
        for places, scores in zip(found.rows, found.scores.tolist(), strict=True):
            kept = [(int(place), score) for place, score in zip(places, scores, strict=True) if place >= 0]
            named = self._documents.get([place if rows is None else int(rows[place]) for place, _ in kept])
            answers.append([Match(document.id, score) for document, (_, score) in zip(named, kept, strict=True)])
        return answers

    def keyword_search(self, queries: Sequence[str], k: int, where: Filter | None = None) -> NoReturn:
        """Refuse: there is no full text."""
        del queries, k, where
        raise InputError(f"The index {self._folder} has no full text. {self._advice}")

    def upsert(self, documents: Sequence[Document], vectors: Embeddings) -> Changed:
        """Refuse."""
        del documents, vectors
        raise self._read_only()

    def delete(self, ids: Sequence[str]) -> int:
        """Refuse."""
        del ids
        raise self._read_only()

    def compact(self, progress: Progress = QUIET, probes: Embeddings | None = None) -> None:
        """Refuse."""
        del progress, probes
        raise self._read_only()

    def verify(self) -> list[str]:
        """Read every document; returns what is wrong."""
        try:
            for _ in self.documents():
                pass
        except InputError as error:
            return [str(error)]
        return []

    def close(self) -> None:
        """Let go of the vectors."""
        self._index.close()

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {document.id: row for row, document in enumerate(self.documents())}

    def _passing(self, where: Filter) -> list[int]:
        return [row for row, document in enumerate(self.documents()) if matches(where, document.metadata)]

    def _faiss(self) -> FaissIndex:
        if isinstance(self._index, FaissIndex):
            return self._index
        raise InputError(f"The old index {self._folder} does not give its vectors back. {self._advice}")

    def _read_only(self) -> InputError:
        return InputError(f"The index {self._folder} has the old form, which is only read. {self._advice}")

    @property
    def _advice(self) -> str:
        return f"Bring it into the new form, without encoding anything, with `semtune migrate {self._folder} NEW`."


class OldFaiss:
    """Opens folders of the old "faiss" back-end; see `CollectionBackend`. New ones are made by "local"."""

    @staticmethod
    def create(folder: Path, home: Path, settings: IndexSettings, manifest: IndexManifest) -> NoReturn:
        """Refuse: no more of them are made."""
        del folder, home, settings, manifest
        raise InputError("No more indexes of the old form are made. Set backend: local.")

    @staticmethod
    def open(folder: Path, manifest: IndexManifest) -> OldCollection:
        """Open an old folder for search."""
        vectors = FaissIndex.open(folder, manifest.count, manifest.dimension)
        return OldCollection(vectors, DocumentStore(folder), manifest, folder)

    @staticmethod
    def size(folder: Path, manifest: IndexManifest) -> int:
        """Bytes of the file of vectors."""
        from semtune.index.faiss import FILE

        del manifest
        return (folder / FILE).stat().st_size

    @staticmethod
    def outside(manifest: IndexManifest) -> list[Path]:
        """No files."""
        del manifest
        return []


class Rows:
    """Fills a back-end that takes all vectors at once, as those of before did; `compact` hands them over."""

    has_full_text = False

    def __init__(
        self, backend: Backend, folder: Path, home: Path, settings: IndexSettings, manifest: IndexManifest
    ) -> None:
        self.manifest = manifest
        self._backend, self._folder, self._home, self._settings = backend, folder, home, settings
        self._documents: list[Document] = []
        self._vectors: list[Embeddings] = []
        self._filled: VectorIndex | None = None

    def upsert(self, documents: Sequence[Document], vectors: Embeddings) -> Changed:
        """Keep new documents until `compact`."""
        self._documents += documents
        self._vectors.append(vectors)
        return Changed(len(documents))

    def compact(self, progress: Progress = QUIET, probes: Embeddings | None = None) -> None:
        """Fill the back-end."""
        del probes
        write_store(self._documents, self._folder)
        ids = [document.id for document in self._documents]
        vectors = np.concatenate(self._vectors)
        filled = self._backend.build(vectors, ids, self._settings, self._folder, self._home, progress)
        self._filled = filled.index
        self.manifest = replace(
            self.manifest, index_type=filled.kind, uri=filled.uri, collection=filled.collection, count=len(ids)
        )

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """What was filled."""
        assert self._filled is not None  # noqa: S101 - after compact
        return OldCollection(self._filled, DocumentStore(self._folder), self.manifest, self._folder).snapshot()

    def close(self) -> None:
        """Let go of what was filled."""
        if self._filled is not None:
            self._filled.close()
