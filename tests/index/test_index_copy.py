"""Documents and vectors leave a collection whole: as files, and into another collection."""

import gzip
import json

import numpy as np
import pytest
from index_parts import DOCUMENTS

from semtune.encoders.toy import ToyEncoder
from semtune.index.copy import copy_documents, differences, dump_documents
from semtune.testing import ExactCollection
from semtune.types import Document


@pytest.fixture
def collection():
    made = ExactCollection.empty(64)
    made.upsert(DOCUMENTS, ToyEncoder().encode([d.content for d in DOCUMENTS]).vectors)
    return made


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_a_dump_has_every_document_and_vector_in_one_order(collection, tmp_path, name):
    with collection.snapshot() as seen:
        assert dump_documents(seen, tmp_path / name, tmp_path / "out.npy") == len(DOCUMENTS)
    raw = (tmp_path / name).read_bytes()
    text = (gzip.decompress(raw) if name.endswith("gz") else raw).decode()
    rows = [json.loads(line) for line in text.split("\n")[:-1]]
    assert [Document(r["_id"], r["text"], r["title"], r["metadata"]) for r in rows] == DOCUMENTS
    vectors = np.load(tmp_path / "out.npy")
    assert vectors.dtype == np.float32
    assert (vectors == ToyEncoder().encode([d.content for d in DOCUMENTS]).vectors).all()


def test_a_dump_of_nothing(tmp_path):
    with ExactCollection.empty(3).snapshot() as seen:
        assert dump_documents(seen, tmp_path / "a.jsonl", tmp_path / "a.npy") == 0
    assert (tmp_path / "a.jsonl").read_bytes() == b""
    assert len(np.load(tmp_path / "a.npy")) == 0


def test_two_dumps_are_equal_bytes(collection, tmp_path):
    with collection.snapshot() as seen:
        for name in ("a.jsonl.gz", "b.jsonl.gz"):
            dump_documents(seen, tmp_path / name)
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


def test_a_copy_does_not_differ_and_what_differs_is_named(collection):
    copy = ExactCollection.empty(64)
    with collection.snapshot() as old:
        assert copy_documents(old, copy) == len(DOCUMENTS)
        with copy.snapshot() as new:
            assert differences(old, new) == []
        copy.delete(["007"])
        copy.upsert([Document("7", "two birds, one stone")], old.vectors(["7"]))
        copy.upsert([DOCUMENTS[3]], old.vectors(["7"]))
        with copy.snapshot() as new:
            assert differences(old, new) == [
                "10 documents became 9",
                "2 documents have another text or metadata: '007', '7'",
                "1 documents have another vector: 'None'",
            ]
