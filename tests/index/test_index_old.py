"""Index folders of before there were collections open for search, and say how to bring them into the new form."""

from contextlib import closing

import faiss
import numpy as np
import pytest
from index_parts import DOCUMENTS, documents_of, hold_answers, open_folder

from semtune.encoders.toy import ToyEncoder
from semtune.errors import InputError
from semtune.index import manifest as manifests
from semtune.index.collection import content_hash
from semtune.index.documents import write_store
from semtune.index.filters import Comparison
from semtune.io import write_json

ENCODER = ToyEncoder(dimension=128)


@pytest.fixture
def folder(tmp_path):
    """What `semtune index` wrote before: a manifest in JSON, documents in lines, a FAISS file."""
    index = faiss.IndexFlatIP(128)
    index.add(ENCODER.encode([document.content for document in DOCUMENTS]).vectors)
    faiss.write_index(index, str(tmp_path / "vectors.faiss"))
    write_store(DOCUMENTS, tmp_path)
    values = {
        "kind": "semtune-index", "format": "1.3", "backend": "faiss", "index_type": "Flat", "metric": "ip",
        "dimension": 128, "count": len(DOCUMENTS), "model": "model", "model_name": "toy", "fingerprint": "toy-128-32-",
        "runtime": "toy", "recall_at_10": 1.0, "truncated": 0, "uri": "", "collection": "", "asked_with": "chunks",
        "left_out": {}, "warnings": [], "truncate": "cut", "cut_tokens": 0,
    }  # fmt: skip
    write_json(tmp_path / "manifest.json", values)
    return tmp_path


@pytest.mark.parametrize("query", ["bird", "the lantern in the evening"])
def test_it_answers_as_it_did(folder, query):
    hold_answers(folder, DOCUMENTS, ENCODER, query, 4)
    assert documents_of(folder) == DOCUMENTS


@pytest.mark.parametrize("number", ["1.0", "1.1", "1.2", "1.3"])
def test_every_earlier_format_is_read(folder, number):
    text = (folder / "manifest.json").read_text().replace('"1.3"', f'"{number}"')
    (folder / "manifest.json").write_text(text)
    assert (manifests.read(folder).backend, manifests.read(folder).count) == ("faiss", len(DOCUMENTS))


def test_documents_vectors_and_filters(folder):
    with closing(open_folder(folder)) as old, old.snapshot() as snapshot:
        assert snapshot.get(["7", "none", "日本"]) == [DOCUMENTS[1], None, DOCUMENTS[5]]
        assert snapshot.hashes(["7", "none"]) == {"7": content_hash(DOCUMENTS[1])}
        where = Comparison("page", "=", 3)
        assert (snapshot.count(), snapshot.count(where)) == (len(DOCUMENTS), 1)
        vectors = ENCODER.encode([document.content for document in DOCUMENTS]).vectors
        np.testing.assert_array_equal(snapshot.vectors(["日本", "7"]), vectors[[5, 1]])
        assert [match.id for match in snapshot.search(vectors[:1], 5, where)[0]] == ["1e5"]
        assert snapshot.search(vectors[:1], 5, Comparison("page", "=", 4)) == [[]]
        with pytest.raises(InputError, match="no document 'none'"):
            snapshot.vectors(["none"])
        assert old.verify() == []


def test_writes_name_the_command_that_makes_it_new(folder):
    with closing(open_folder(folder)) as old:
        assert not old.has_full_text
        for write in (
            lambda: old.upsert(DOCUMENTS[:1], np.zeros((1, 128), np.float32)),
            lambda: old.delete(["7"]),
            old.compact,
            lambda: old.keyword_search(["bird"], 3),
        ):
            with pytest.raises(InputError, match=r"without encoding anything, with `semtune migrate .* NEW`"):
                write()


def cut(path):
    path.write_bytes(path.read_bytes()[:-40])


def scramble(path):
    path.write_bytes(np.random.default_rng(0).bytes(path.stat().st_size))


def huge(path):
    """A length that asks for more memory than there is."""
    data = bytearray(path.read_bytes())
    data[8:16] = (1 << 60).to_bytes(8, "little")
    path.write_bytes(data)


def empty(path):
    path.write_bytes(b"")


def absent(path):
    path.unlink()


DAMAGES = {
    "vectors.faiss": (cut, scramble, huge, empty, absent),
    "documents.jsonl": (cut, scramble, empty, absent),
    "documents.offsets.npy": (cut, scramble, huge, empty, absent),
}


@pytest.mark.parametrize(("file", "damage"), [(file, damage) for file, all_ in DAMAGES.items() for damage in all_])
def test_a_damaged_file_is_refused_in_words(folder, file, damage):
    damage(folder / file)
    with pytest.raises(InputError, match=r"Build (the index|it) again with `semtune index`"):
        documents_of(folder)


def test_the_vectors_of_another_index_are_refused(folder):
    index = faiss.IndexFlatIP(128)
    index.add(np.zeros((3, 128), np.float32))
    faiss.write_index(index, str(folder / "vectors.faiss"))
    with pytest.raises(InputError, match="holds 3 vectors of 128 dimensions, but its manifest says 10 of 128"):
        open_folder(folder)
