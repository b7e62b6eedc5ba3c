"""Vectors that are kept: equal to those computed, computed once, and never more than allowed."""

from dataclasses import replace

import numpy as np
import pytest

from semtune.encoders.toy import ToyEncoder
from semtune.encoders.vector_store import VectorStore
from semtune.types import Encoded

TEXTS = ["a kettle boils", "", "copper pot", "a kettle boils", "naïve café — “quotes”", "x" * 5000]


class Counting:
    """Vectors made of a text's length, and what was asked for."""

    def __init__(self, encoder, limit=10):
        self.contract, self.runtime, self.limit = encoder.contract, encoder.runtime, limit
        self.calls = []

    def encode(self, texts, role="document", progress=None):
        self.calls.append((role, list(texts)))
        lengths = np.array([min(len(text) + 1, self.limit) for text in texts], np.int32)
        cut = np.array([len(text) + 1 > self.limit for text in texts], bool)
        vectors = np.array([[len(text), len(role)] for text in texts], np.float32).reshape(-1, 2)
        return Encoded(vectors, int(lengths.sum()), int(cut.sum()), lengths, cut)


@pytest.fixture
def encoder():
    counting = Counting(ToyEncoder(8))
    counting.contract = replace(counting.contract, dimension=2)
    return counting


def test_what_is_kept_is_what_was_computed_and_each_text_is_computed_once(encoder, tmp_path):
    stored = VectorStore(tmp_path / "store", 10**6).over(encoder)
    want = Counting(encoder).encode(TEXTS)
    for again in range(2):
        found = stored.encode(TEXTS)
        np.testing.assert_array_equal(found.vectors, want.vectors)
        assert (found.tokens, found.truncated) == (want.tokens, want.truncated)
        np.testing.assert_array_equal(found.cut, want.cut)
        assert len(encoder.calls) == 1, again
    assert encoder.calls == [("document", list(dict.fromkeys(TEXTS)))]
    more = stored.encode(["new", TEXTS[2]])
    assert encoder.calls[1] == ("document", ["new"])
    np.testing.assert_array_equal(more.vectors[:, 0], [3, len(TEXTS[2])])


def test_roles_models_and_runtimes_do_not_share_vectors(encoder, tmp_path):
    store = VectorStore(tmp_path / "store", 10**6)
    store.over(encoder).encode(["one"])
    store.over(encoder).encode(["one"], "query")
    other = Counting(encoder)
    other.contract = replace(encoder.contract, fingerprint="other")
    store.over(other).encode(["one"])
    third = Counting(encoder)
    third.runtime = "another"
    store.over(third).encode(["one"])
    assert [len(each.calls) for each in (encoder, other, third)] == [2, 1, 1]


def test_a_block_that_is_not_whole_or_is_damaged_is_computed_again(encoder, tmp_path):
    stored = VectorStore(tmp_path / "store", 10**6).over(encoder)
    stored.encode(["one", "two"])
    (block,) = (tmp_path / "store").glob("*/*.vectors.npy")
    block.write_bytes(block.read_bytes()[:20])
    np.testing.assert_array_equal(stored.encode(["one", "two"]).vectors[:, 0], [3, 3])
    assert len(encoder.calls) == 2
    (texts,) = (tmp_path / "store").glob("*/*.texts.npy")
    texts.unlink()
    stored.encode(["one"])
    assert len(encoder.calls) == 3


def test_the_oldest_go_where_the_store_is_full(encoder, tmp_path):
    store = VectorStore(tmp_path / "store", 2_000)
    stored = store.over(encoder)
    for number in range(30):
        stored.encode([f"{number} {word}" for word in "abcdefgh"])
    size = sum(path.stat().st_size for path in (tmp_path / "store").rglob("*.npy"))
    assert size <= 3_000  # headers of the newest block come on top
    before = len(encoder.calls)
    stored.encode([f"29 {word}" for word in "abcdefgh"])
    assert len(encoder.calls) == before
    stored.encode([f"0 {word}" for word in "abcdefgh"])
    assert len(encoder.calls) == before + 1


def test_nothing_is_kept_where_nothing_may_be(encoder, tmp_path):
    store = VectorStore(tmp_path / "store", 0)
    assert store.over(encoder) is encoder
    assert store.find_all(encoder, "document", ["one"]) is None
    assert not (tmp_path / "store").exists()
    full = VectorStore(tmp_path / "store", 10**6)
    full.over(encoder).encode(["one", "two"])
    np.testing.assert_array_equal(full.find_all(encoder, "document", ["two", "one"])[:, 0], [3, 3])
    assert full.find_all(encoder, "document", ["one", "three"]) is None
    full.clear()
    assert full.find_all(encoder, "document", ["one"]) is None
