import hashlib

import numpy as np

from semtune.encoders.toy import ToyEncoder
from semtune.protocols import Encoder


def place(word, dimension, salt=""):
    return int.from_bytes(hashlib.sha256((salt + word).encode()).digest()[:4], "little") % dimension


def test_words_are_counted_at_their_places():
    made = ToyEncoder(dimension=1000).encode(["Cat, cat & DOG", ""])
    want = np.zeros(1000)
    want[place("cat", 1000)], want[place("dog", 1000)] = 2, 1
    np.testing.assert_allclose(made.vectors[0], want / np.sqrt(5), rtol=1e-6)
    assert not made.vectors[1].any()
    assert (made.tokens, made.truncated) == (3, 0)


def test_long_texts_are_cut_and_counted():
    encoder = ToyEncoder(max_length=3)
    made = encoder.encode(["a b c d", "a b c", "a b"])
    assert (made.tokens, made.truncated) == (8, 1)
    np.testing.assert_array_equal(made.vectors[0], made.vectors[1])


def test_a_salt_makes_another_model_of_equal_dimension():
    one, two = ToyEncoder(), ToyEncoder(salt="x")
    assert isinstance(one, Encoder)
    assert one.contract.dimension == two.contract.dimension
    assert one.contract.fingerprint != two.contract.fingerprint
    assert not np.array_equal(one.encode(["kettle"]).vectors, two.encode(["kettle"]).vectors)
