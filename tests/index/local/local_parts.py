"""Small collections, and what they are held against."""

from pathlib import Path

import numpy as np

from semtune.index import manifest as manifests
from semtune.index.filters import matches
from semtune.index.local.backend import LocalBackend
from semtune.index.manifest import IndexManifest
from semtune.index.settings import IndexSettings
from semtune.types import Document

DIMENSION = 12
WORDS = [
    "kettle",
    "lantern",
    "violin",
    "anvil",
    "barrel",
    "wheel",
    "bird",
    "hand",
    "bush",
    "glue",
    "evening",
    "cupboard",
]


def empty_manifest(dimension=DIMENSION):
    return IndexManifest("local", "Flat", "ip", dimension, 0, "m", "toy", "print", "toy", 1.0, 0)


def create(folder: Path, dimension=DIMENSION):
    """An empty collection that is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    made = LocalBackend.create(folder, folder, IndexSettings(), empty_manifest(dimension))
    made.close()
    manifests.write(empty_manifest(dimension), folder)
    return reopen(folder)


def reopen(folder: Path):
    return LocalBackend.open(folder, manifests.read(folder))


def vectors(rng, count, dimension=DIMENSION):
    made = rng.normal(size=(count, dimension)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def document(rng, name):
    text = " ".join(rng.choice(WORDS, int(rng.integers(1, 9))))
    metadata = {"lang": str(rng.choice(["de", "en"])), "year": int(rng.integers(2000, 2010))}
    return Document(name, text, str(rng.choice(["", "A title"])), metadata)


class Reference:
    """What a collection must answer: id → (document, vector), in the order of the last writing."""

    def __init__(self):
        self.kept = {}

    def upsert(self, documents, vectors_):
        for one, vector in zip(documents, vectors_, strict=True):
            if one.id in self.kept and self.kept[one.id][0] == one and np.allclose(self.kept[one.id][1], vector):
                continue
            self.kept.pop(one.id, None)
            self.kept[one.id] = (one, vector)

    def delete(self, ids):
        return sum(self.kept.pop(name, None) is not None for name in set(ids))

    def search(self, query, k, where=None):
        passing = [(d, v) for d, v in self.kept.values() if where is None or matches(where, d.metadata)]
        if not passing:
            return []
        scores = np.array([v for _, v in passing], dtype=np.float64) @ query.astype(np.float64)
        return [(passing[i][0].id, scores[i]) for i in np.argsort(-scores, kind="stable")[:k]]


def hold(collection, reference, queries, k=5, where=None):
    """Assert that all of a collection is what the reference has."""
    with collection.snapshot() as snapshot:
        documents = [d for d, _ in reference.kept.values()]
        assert snapshot.count() == len(documents)
        assert list(snapshot.documents()) == documents
        names = [d.id for d in documents]
        np.testing.assert_array_equal(
            snapshot.vectors(names), [v for _, v in reference.kept.values()] or np.empty((0, DIMENSION))
        )
        assert snapshot.get(names) == documents
        for query, found in zip(queries, snapshot.search(queries, k, where), strict=True):
            want = reference.search(query, k, where)
            assert [m.id for m in found] == [name for name, _ in want]
            np.testing.assert_allclose([m.score for m in found], [s for _, s in want], atol=1e-5)
