"""One way to build and reopen each back-end, and the brute force they are all held against."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semtune.index import manifest as manifests
from semtune.index.collection import Collection
from semtune.index.exact import ExactIndex
from semtune.index.faiss import FaissIndex
from semtune.index.milvus import MilvusIndex
from semtune.index.open import open_collection
from semtune.index.settings import IndexSettings
from semtune.protocols import VectorIndex
from semtune.types import Document, Neighbours

BACKENDS = ("exact", "faiss", "milvus-file", "milvus-server")
FOLDERS = ("local", "milvus-file", "milvus-server")  # those that are kept on disk

ODD = 'lines\n\r\n\u2028\u0085\x00 tab\t "quotes" \\ {json} 日本 😀 e\u0301 </script>'
DOCUMENTS = [
    Document("007", "a bird in the hand", "Birds"),
    Document("7", "two birds in the bush"),
    Document("1e5", "kettle and lantern", metadata={"page": 3, "tags": ["a", {"b": None}], "x": 0.5}),
    Document("None", "lantern light in the evening"),
    Document("ä/b c", ODD, ODD, {ODD: ODD}),
    Document("日本", "a violin in the cupboard"),
    Document("a\nb", "mend the kettle with glue"),
    Document("' or 1 == 1", "an anvil, a wheel and a barrel"),
    Document("x" * 512, "the evening of the bird"),
    Document("\\", "a bird, a bird, a bird"),
]


@dataclass
class Backend:
    """Builds an index and opens it again as another process would."""

    name: str
    folder: Path
    uri: str

    def open(self, vectors: np.ndarray, ids: Sequence[str], key: str) -> VectorIndex:
        count, dimension = vectors.shape
        if self.name == "exact":
            return ExactIndex(vectors)
        if self.name == "faiss":
            place = self.folder / key
            place.mkdir()
            FaissIndex.build(vectors).save(place)
            return FaissIndex.open(place, count, dimension)
        MilvusIndex.build(vectors, ids, self.uri, key).close()
        return MilvusIndex.open(self.uri, key, count)

    @property
    def settings(self) -> IndexSettings:
        return IndexSettings() if self.name == "local" else IndexSettings(backend="milvus", uri=self.uri)


def open_folder(folder: Path) -> Collection:
    """What an index folder holds."""
    return open_collection(folder, manifests.read(folder))


def documents_of(folder: Path) -> list[Document]:
    """All documents of an index folder."""
    with closing(open_folder(folder)) as collection, collection.snapshot() as snapshot:
        return list(snapshot.documents())


def ask(folder: Path, encoder, query: str, k: int = 3) -> list[tuple[str, float]]:
    """Ids and scores that an index folder answers with."""
    with closing(open_folder(folder)) as collection, collection.snapshot() as snapshot:
        return [tuple(match) for match in snapshot.search(encoder.encode([query], "query").vectors, k)[0]]


def hold_answers(folder: Path, documents: Sequence[Document], encoder, query: str, k: int = 3) -> None:
    """Assert that an index folder answers as brute force over `documents` does; ties may come in any order."""
    vectors = encoder.encode([d.content for d in documents]).vectors
    scores = vectors @ encoder.encode([query], "query").vectors[0]
    names, found = zip(*ask(folder, encoder, query, k), strict=True)
    np.testing.assert_allclose(found, np.sort(scores)[::-1][:k], atol=1e-5)
    assert len(set(names)) == min(k, len(documents))
    by_id = {d.id: score for d, score in zip(documents, scores.tolist(), strict=True)}
    np.testing.assert_allclose(found, [by_id[name] for name in names], atol=1e-5)


def hold(found: Neighbours, vectors: np.ndarray, queries: np.ndarray, k: int) -> None:
    """Assert that an answer is that of brute force; among equal scores any row is right."""
    scores = queries.astype(np.float64) @ vectors.astype(np.float64).T
    n = min(k, len(vectors))
    assert found.rows.shape == found.scores.shape == (len(queries), k)
    assert (found.rows.dtype, found.scores.dtype) == (np.int64, np.float32)
    np.testing.assert_allclose(found.scores[:, :n], -np.sort(-scores, axis=1)[:, :n], atol=2e-5)
    for i, rows in enumerate(found.rows[:, :n]):
        assert len(set(rows.tolist())) == n
        np.testing.assert_allclose(scores[i, rows], found.scores[i, :n], atol=2e-5)
    assert (found.rows[:, n:] == -1).all()
    assert np.isneginf(found.scores[:, n:]).all()
