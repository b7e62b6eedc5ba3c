"""Above `EXACT_UP_TO` a graph is built, and the recall in the manifest is measured, not assumed."""

from contextlib import closing

import numpy as np
import pytest
from index_parts import documents_of, hold, open_folder

from semtune.index import faiss as backend
from semtune.index import manifest as manifests
from semtune.index.build import DEPTH, build_index
from semtune.index.faiss import FaissIndex
from semtune.index.local import kinds
from semtune.index.sampling import SAMPLE
from semtune.index.settings import IndexSettings
from semtune.types import Document, Encoded

COUNT, DIMENSION = 2000, 32


class Fixed:
    """An encoder that knows the vector of each text by its number."""

    runtime = "fixed"

    def __init__(self, vectors):
        from semtune.encoders.toy import ToyEncoder

        self.contract = ToyEncoder(dimension=vectors.shape[1]).contract
        self.vectors = vectors

    def encode(self, texts, role="document", progress=None):
        return Encoded(self.vectors[[int(text) for text in texts]], len(texts), 0)


@pytest.fixture(scope="module")
def vectors():
    made = np.random.default_rng(0).normal(size=(COUNT, DIMENSION)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@pytest.fixture
def built(vectors, tmp_path, monkeypatch):
    def make(breadth, limit=COUNT - 1, recall=0.95):
        monkeypatch.setattr(kinds, "EXACT_UP_TO", limit)
        monkeypatch.setattr(kinds, "BREADTHS", (breadth,))
        documents = [Document(f"d{i}", str(i)) for i in range(COUNT)]
        build_index(documents, Fixed(vectors), tmp_path, tmp_path / "index", IndexSettings(recall=recall))
        return tmp_path / "index"

    return make


def answers(folder, queries, k):
    """(n, k) numbers of the documents that an index folder finds."""
    with closing(open_folder(folder)) as collection, collection.snapshot() as snapshot:
        return np.array([[int(match.id[1:]) for match in found] for found in snapshot.search(queries, k)])


def recall(folder, vectors):
    """Share of the true ten that are found, over all documents as queries."""
    true = np.argsort(-(vectors @ vectors.T), axis=1)[:, :DEPTH]
    found = answers(folder, vectors, DEPTH)
    return np.mean([len(set(a) & set(b)) / DEPTH for a, b in zip(true.tolist(), found.tolist(), strict=True)])


def test_the_limit_decides_between_scan_and_graph(built):
    assert manifests.read(built(128, limit=COUNT)).index_type == "Flat"
    assert manifests.read(built(128, limit=COUNT - 1)).index_type == "HNSW32_SQ8,RFlat"


def test_the_graph_finds_almost_all_by_inner_product(built, vectors):
    folder = built(128)
    assert manifests.read(folder).recall_at_10 >= 0.99
    assert recall(folder, vectors) >= 0.99
    assert answers(folder, vectors[70:75], 1)[:, 0].tolist() == [70, 71, 72, 73, 74]
    assert [document.id for document in documents_of(folder)[:3]] == ["d0", "d1", "d2"]


@pytest.mark.slow
def test_a_graph_searched_too_narrowly_says_so(built, vectors, monkeypatch):
    monkeypatch.setattr("semtune.index.local.nearest.EXTRA", 0)
    monkeypatch.setattr(kinds, "AGAIN_GRAPH", 1)
    folder = built(1, recall=0.1)
    manifest, true = manifests.read(folder), recall(folder, vectors)
    assert true < 0.95
    assert manifest.recall_at_10 < 0.97
    # The manifest's is of a sample: three standard errors of a share, each query counted as one observation.
    assert abs(manifest.recall_at_10 - true) < 3 * 0.5 / np.sqrt(SAMPLE)


def test_the_search_breadth_is_kept_in_the_file(vectors, tmp_path, monkeypatch):
    monkeypatch.setattr(backend, "EXACT_UP_TO", 10)
    made = FaissIndex.build(vectors)
    made.save(tmp_path)
    opened = FaissIndex.open(tmp_path, COUNT, DIMENSION)
    np.testing.assert_array_equal(opened.search(vectors[:100], 10).rows, made.search(vectors[:100], 10).rows)


def test_equal_documents_are_no_loss_of_recall(tmp_path, vectors):
    twins = Fixed(np.repeat(vectors[:50], 30, axis=0))
    documents = [Document(f"d{i}", str(i)) for i in range(1500)]
    assert build_index(documents, twins, tmp_path, tmp_path / "index", IndexSettings()).recall_at_10 == 1.0


def test_more_than_the_graph_finds_is_padded(vectors, monkeypatch):
    monkeypatch.setattr(backend, "EXACT_UP_TO", 5)
    few = vectors[:8]
    hold(FaissIndex.build(few).search(few, 12), few, few, 12)
