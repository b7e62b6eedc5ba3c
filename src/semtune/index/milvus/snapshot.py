"""What is in a Milvus collection: the reading half of the back-end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from semtune.errors import InputError
from semtune.index.batch import checked_vectors
from semtune.index.collection import Match
from semtune.index.filters import Filter, matches
from semtune.index.milvus.filters import EVERYTHING, translate
from semtune.index.milvus.reading import DOCUMENTS_AT_ONCE, Reader, vectors_at_once
from semtune.index.milvus.searching import best
from semtune.types import Document, Embeddings


class MilvusSnapshot:
    """See `semtune.index.collection.Snapshot`; but Milvus keeps no old states, so later writes are seen."""

    def __init__(self, reader: Reader, dimension: int, exact: bool) -> None:
        """Take an open collection and whether its index compares with every vector."""
        self._reader, self._dimension, self._exact = reader, dimension, exact

    @property
    def language(self) -> str:
        """Empty: there is no full text."""
        return ""

    def count(self, where: Filter | None = None) -> int:
        """Number of documents by query, of those that pass a filter."""
        if where is None:
            return self._reader.count()
        found = translate(where)
        looked_at = sum(
            matches(where, document.metadata)
            for page in self._reader.pages(found.doubt, [])
            for document in self._reader.documents([row["id"] for row in page]).values()
        )
        return looked_at + self._reader.count(found.certain)

    def get(self, ids: Sequence[str]) -> list[Document | None]:
        """The documents of these ids, in this order; None for an id that is not there."""
        found = self._reader.documents(ids)
        return [found.get(i) for i in ids]

    def hashes(self, ids: Sequence[str]) -> dict[str, str]:
        """Document id → `content_hash`, for those that are there."""
        return {i: row["hash"].partition(" ")[0] for i, row in self._reader.named(ids, ["hash"]).items()}

    def documents(self) -> Iterator[Document]:
        """All documents, in the order in which they were written; the ids are in memory meanwhile."""
        places = [(row["place"], row["id"]) for page in self._reader.pages(EVERYTHING, ["place"]) for row in page]
        ids = [i for _, i in sorted(places)]
        del places
        for start in range(0, len(ids), DOCUMENTS_AT_ONCE):
            some = ids[start : start + DOCUMENTS_AT_ONCE]
            found = self._reader.documents(some)
            yield from (found[i] for i in some if i in found)

    def vectors(self, ids: Sequence[str]) -> Embeddings:
        """The (n, dim) vectors of these ids, in this order.

        Raises:
            InputError: an id is not there.
        """
        rows = self._reader.named(ids, ["vector"], vectors_at_once(self._dimension))
        missing = next((i for i in ids if i not in rows), None)
        if missing is not None:
            raise InputError(f"The index has no document {missing!r}.")
        return np.array([rows[i]["vector"] for i in ids], dtype=np.float32).reshape(len(ids), self._dimension)

    def search(self, vectors: Embeddings, k: int, where: Filter | None = None) -> list[list[Match]]:
        """The `k` documents of largest inner product for each query; of equal ones the first written comes first."""
        asked = checked_vectors(vectors, len(vectors), self._dimension)
        if k < 1 or not len(asked):
            return [[] for _ in asked]
        return best(self._reader, asked, k, where, self._exact)

    def keyword_search(self, queries: Sequence[str], k: int, where: Filter | None = None) -> list[list[Match]]:
        """Refuse: there is no full text.

        Raises:
            InputError: always.
        """
        del queries, k, where
        raise InputError(
            "An index in Milvus has no full text, so there is no search by words. Search by meaning (--mode dense), or "
            "use the local back-end: `semtune migrate INDEX -o NEW` moves it without encoding."
        )
