"""The same commands on an index in milvus-lite: there and back without encoding, and with another model."""

import numpy as np
import pytest

import semtune
from semtune.dataset import read_documents
from semtune.index import manifest as manifests
from semtune.index import versions
from semtune.index.settings import IndexSettings


@pytest.fixture
def moved(index, tmp_path):
    """The index of the notes in milvus-lite."""
    settings = IndexSettings(backend="milvus", uri=str(tmp_path / "vectors.db"))
    done = semtune.migrate(index, tmp_path / "moved", settings=settings)
    assert (done.from_backend, done.to_backend) == ("local", "milvus")
    return tmp_path / "moved"


def dumped(index, tmp_path, name):
    semtune.dump(index, tmp_path / f"{name}.jsonl", vectors=tmp_path / f"{name}.npy")
    documents = read_documents(tmp_path / f"{name}.jsonl")
    order = np.argsort([document.id for document in documents])
    return [documents[place] for place in order], np.load(tmp_path / f"{name}.npy")[order]


def test_there_and_back_value_by_value(index, moved, tmp_path):
    assert semtune.migrate(moved, tmp_path / "back").to_backend == "local"
    for name in ("moved", "back"):
        documents, vectors = dumped(tmp_path / name, tmp_path, f"{name}-dump")
        expected, wanted = dumped(index, tmp_path, "first")
        assert documents == expected
        np.testing.assert_array_equal(vectors, wanted)


def test_documents_come_and_go(moved, notes):
    (notes / "new.md").write_text("# The glacier\n\nA river of ice.\n")
    (notes / "short.txt").unlink()
    done = semtune.sync(moved, notes)
    assert (done.added, done.updated, done.deleted) == (1, 0, 1)
    assert semtune.delete(moved, ["title.md#1", "nope"]).missing == ["nope"]
    assert semtune.verify(moved).ok


def test_an_upgrade_and_its_rollback(moved, static_model):
    before = manifests.read(moved)
    done = semtune.upgrade(moved, str(static_model(1, 32)))
    assert (done.status, done.encoded) == ("switched", done.count)
    after = manifests.read(versions.current(moved))
    assert (after.backend, after.dimension) == ("milvus", 32)
    assert after.collection != before.collection
    searcher = semtune.Searcher.open(moved)
    assert searcher.search("kettle", k=1)
    searcher.close()
    assert semtune.rollback(moved).count == done.count
    assert manifests.read(versions.current(moved)).collection == before.collection
