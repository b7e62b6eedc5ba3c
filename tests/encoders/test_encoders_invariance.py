"""A text's vector does not depend on its neighbours: measured, and refused where it does."""

import numpy as np
import pytest

from semtune.encoders.invariance import (
    MIXED_TOKENS,
    difference,
    limit_of,
    measure_invariance,
    require_invariance,
    text_of,
)
from semtune.encoders.load import load_encoder
from semtune.errors import GateError

SITUATIONS = {
    "equal_lengths", "mixed_lengths", "below_limit", "at_limit", "beyond_limit", "after_longest",
}  # fmt: skip


def words(texts):
    """Tokens of a tokenizer that knows words, with two special tokens."""
    return [len(text.split()) + 2 for text in texts]


class Hashed:
    """A vector by a text's letters, of length 1; `spoil` changes the batch's vectors."""

    def __init__(self, spoil=lambda vectors, texts: vectors):
        self.spoil, self.calls = spoil, []

    def __call__(self, texts):
        self.calls.append(list(texts))
        vectors = np.array([np.sin(np.arange(1, 9) * (1 + sum(map(ord, text)))) for text in texts], np.float32)
        return self.spoil(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), texts)


def test_a_sound_encoder_passes_in_every_situation():
    encode = Hashed()
    found = measure_invariance(encode, words, 32)
    assert found.situations.keys() == SITUATIONS
    assert found.min_cosine == pytest.approx(1)
    assert found.max_difference == 0
    require_invariance(found, "The graph", "fp32")
    tokens = [words(call) for call in encode.calls]
    assert [24] * 8 in tokens  # one batch of equal lengths
    assert [2 + n for n in MIXED_TOKENS if n <= 30] in tokens  # one of mixed lengths
    assert [31, 32, 49, 4] in tokens  # one below, at and beyond the limit, and a short one
    assert tokens[-2:] == [[49], [4]]  # right after the longest
    written = found.as_dict()
    assert written["limit"] == 0.9999
    assert written["situations"]["equal_lengths"] == {"texts": 8, "min_cosine": pytest.approx(1), "max_difference": 0}


def test_the_limit_is_left_out_where_a_batch_at_it_would_be_too_large():
    assert measure_invariance(Hashed(), words, 8192).situations.keys() == {
        "equal_lengths", "mixed_lengths", "after_longest",
    }  # fmt: skip


def test_a_prompt_that_fills_the_limit_leaves_texts_to_measure():
    found = measure_invariance(Hashed(), lambda texts: [len(text.split()) + 40 for text in texts], 32)
    assert found.min_cosine == pytest.approx(1)


def mean_of_batch(vectors, texts):
    """As a mask that is ignored where all texts are equally long."""
    same = len(texts) > 1 and len({len(text.split()) for text in texts}) == 1
    return (vectors + vectors.mean(axis=0)) if same else vectors


def padded(vectors, texts):
    """As padding that is pooled."""
    longest = max(len(text.split()) for text in texts)
    return vectors + np.float32(0.02) * np.array([[longest - len(text.split())] for text in texts], np.float32)


def not_numbers(vectors, texts):
    return vectors * np.float32(np.nan if len(texts) == 8 else 1)


def test_what_depends_on_the_neighbours_is_refused_with_the_situation():
    for spoil, where in ((mean_of_batch, "equal_lengths"), (padded, "_limit"), (not_numbers, "equal_lengths")):
        found = measure_invariance(Hashed(spoil), words, 32)
        assert not found.min_cosine >= 0.99
        with pytest.raises(GateError, match=f"another vector beside other texts: .*in the situation '.*{where}'"):
            require_invariance(found, "The graph", "fp32")


def test_int8_may_differ_a_little_and_fp32_may_not():
    def noisy(vectors, texts):
        return vectors + np.float32(0.05) * (len(texts) > 1)

    found = measure_invariance(Hashed(noisy), words, 32)
    assert 0.9 < found.min_cosine < 0.999
    require_invariance(found, "The graph", "int8")
    with pytest.raises(GateError, match=r"required: 0.9999"):
        require_invariance(found, "The graph", "fp32")
    assert limit_of("bf16") == limit_of("unknown") == 0.995


def test_cosine_and_difference_by_hand():
    found = difference(np.array([[3, 4], [0, 0]], np.float32), np.array([[4, 3], [0, 0]], np.float32))
    assert (found.texts, found.min_cosine, found.max_difference) == (2, pytest.approx(24 / 25), pytest.approx(0.2))
    assert difference(np.zeros((1, 2), np.float32), np.ones((1, 2), np.float32)).min_cosine == 0


def test_texts_have_exactly_the_tokens_wanted(exported):
    for name in ("mean", "roberta", "dense"):
        tokenizer = load_encoder(str(exported(name).folder)).tokenizer("query")
        for tokens in (15, 24, 63, 64, 97):
            text = text_of(tokens, lambda texts, tokenizer=tokenizer: tokenizer.lengths(texts, "query"), start=tokens)
            assert tokenizer.lengths([text], "query") == [tokens]


def test_the_exported_graphs_and_encoders_pass(exported):
    from semtune.io import read_json

    for name in ("mean", "dense", "roberta", "cls"):
        variant = exported(name)
        proof = read_json(variant.folder / "parity.json")
        for graph in proof.values():
            assert graph["invariance"]["situations"].keys() == SITUATIONS
            assert graph["invariance"]["min_cosine"] > 0.99999
        encoder = load_encoder(str(variant.folder))
        for role in ("query", "document"):
            tokenizer = encoder.tokenizer(role)
            found = measure_invariance(
                lambda texts, role=role, encoder=encoder: encoder.encode(texts, role).vectors,
                lambda texts, role=role, tokenizer=tokenizer: tokenizer.lengths(texts, role),
                encoder.contract.max_length,
            )
            assert found.min_cosine > 0.99999
            assert found.max_difference < 1e-5
