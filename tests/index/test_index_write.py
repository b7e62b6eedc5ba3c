"""Documents are written by what changed in them: nothing is encoded twice, and a kill costs one batch."""

import pytest

from semtune.encoders.toy import ToyEncoder
from semtune.errors import InputError
from semtune.index import write
from semtune.index.write import Written, check_ids, write_documents
from semtune.testing import ExactCollection
from semtune.types import Document


class Counting(ToyEncoder):
    """Remembers what it was asked to encode; breaks down after `limit` texts."""

    def __init__(self, limit=10**9):
        super().__init__(16)
        self.seen, self.limit = [], limit

    def encode(self, texts, role="document", progress=None):
        if len(self.seen) + len(texts) > self.limit:
            raise KeyboardInterrupt
        self.seen += texts
        return super().encode(texts, role)


def documents(count, word="kettle"):
    return [Document(f"d{i}", f"{word} number {i}", metadata={"page": i}) for i in range(count)]


def test_only_what_changed_is_encoded():
    collection, encoder = ExactCollection.empty(16), Counting()
    first = documents(5)
    assert write_documents(collection, encoder, first) == Written(added=5, encoded=5)
    assert write_documents(collection, encoder, first) == Written(unchanged=5)
    changed = [Document("d1", "lantern", metadata={"page": 1}), *documents(7)[2:]]
    assert write_documents(collection, encoder, changed) == Written(added=2, updated=1, unchanged=3, encoded=3)
    assert encoder.seen[5:] == ["lantern", "kettle number 5", "kettle number 6"]
    with collection.snapshot() as seen:
        expected = ToyEncoder(16).encode(["lantern", "kettle number 4"]).vectors
        assert (seen.vectors(["d1", "d4"]) == expected).all()
        assert seen.count() == 7


def test_new_metadata_keeps_the_vector():
    collection, encoder = ExactCollection.empty(16), Counting()
    write_documents(collection, encoder, documents(3))
    moved = [Document(d.id, d.text, metadata={"page": 99}) for d in documents(3)]
    assert write_documents(collection, encoder, moved) == Written(updated=3)
    assert len(encoder.seen) == 3
    with collection.snapshot() as seen:
        assert seen.get(["d2"])[0].metadata == {"page": 99}
        assert (seen.vectors(["d2"]) == ToyEncoder(16).encode(["kettle number 2"]).vectors).all()


def test_a_title_that_moves_into_the_text_is_the_same_text_to_the_model():
    collection, encoder = ExactCollection.empty(16), Counting()
    write_documents(collection, encoder, [Document("a", "b c", "a")])
    assert write_documents(collection, encoder, [Document("a", "a b c")]) == Written(updated=1)


def test_a_stopped_call_continues(monkeypatch):
    monkeypatch.setattr(write, "BATCH", 4)
    monkeypatch.setattr(write.batches, "__defaults__", (4,))
    collection = ExactCollection.empty(16)
    with pytest.raises(KeyboardInterrupt):
        write_documents(collection, Counting(limit=9), documents(20))
    with collection.snapshot() as seen:
        assert seen.count() == 8
    again = Counting()
    assert write_documents(collection, again, documents(20)) == Written(added=12, unchanged=8, encoded=12)
    assert len(again.seen) == 12


def test_cut_documents_are_counted():
    collection, encoder = ExactCollection.empty(64), ToyEncoder(max_length=3)
    done = write_documents(collection, encoder, [Document("a", "one two three four"), Document("b", "one")])
    assert done.truncated == 1


def test_equal_ids_are_refused():
    with pytest.raises(InputError, match="'d1' occurs more than once"):
        check_ids([*documents(3), Document("d1", "x")])
