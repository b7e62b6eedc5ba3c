"""Texts longer than the model reads: cut and counted, refused by name, or read in windows."""

import numpy as np
import pytest

from semtune.encoders.load import load_encoder
from semtune.encoders.tokenizer import Tokenizer
from semtune.encoders.torch import TorchEncoder
from semtune.encoders.vector_store import VectorStore
from semtune.encoders.windows import parse_truncate, split
from semtune.errors import ConfigError, InputError, TooLongError

LONG = "kettle lantern " * 70  # 140 tokens of a model that reads 64, two of them special
TEXTS = ["a kettle", LONG, "mend the lantern by hand", "kettle " * 63]


@pytest.fixture(scope="session")
def opened(exported):
    """Variant, rule → the exported model with that rule for long texts."""
    made = {}

    def get(name, truncate="cut"):
        key = (name, truncate)
        made[key] = made.get(key) or load_encoder(str(exported(name).folder), truncate=truncate)
        return made[key]

    return get


@pytest.mark.parametrize("name", ["mean", "dense", "roberta"])
@pytest.mark.parametrize("role", ["query", "document"])
def test_the_tokens_that_are_cut_are_those_that_the_tokenizer_counts(exported, opened, name, role):
    variant = exported(name)
    tokenizer = Tokenizer(variant.folder, variant.contract)
    texts = [*TEXTS, "", "kettle " * 300, "naïve café " * 90]
    beyond = [max(0, n - variant.contract.max_length) for n in tokenizer.lengths(texts, role)]
    for encoder in (opened(name), TorchEncoder.load(variant.source)):
        made = encoder.encode(texts, role)
        assert made.beyond.tolist() == beyond
        assert (made.truncated, made.cut_tokens) == (sum(n > 0 for n in beyond), sum(beyond))
    assert tokenizer.encode(texts, role).beyond.tolist() == beyond
    assert sum(beyond) > 500


def test_texts_within_the_limit_have_the_same_vectors_with_every_rule(opened):
    short = ["a kettle", "", "kettle " * 62, "mend the lantern"]
    want = opened("mean").encode(short)
    for truncate in ("window", "error"):
        made = opened("mean", truncate).encode(short)
        np.testing.assert_array_equal(made.vectors, want.vectors)
        assert (made.truncated, made.cut_tokens, made.tokens) == (0, 0, want.tokens)


def test_a_long_text_in_windows_is_the_mean_weighted_by_tokens(opened):
    # 62 words fit beside [CLS] and [SEP]; 140 words make windows of 62, 62 and 16.
    words = LONG.split()
    windows = [" ".join(words[:62]), " ".join(words[62:124]), " ".join(words[124:])]
    parts = opened("mean").encode(windows).vectors.astype(np.float64)
    mean = (62 * parts[0] + 62 * parts[1] + 16 * parts[2]) / 140
    made = opened("mean", "window").encode(TEXTS)
    np.testing.assert_allclose(made.vectors[1], mean / np.linalg.norm(mean), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(made.vectors, axis=1), 1, atol=1e-6)
    assert made.lengths.tolist() == [4, 140 + 3 * 2, opened("mean").encode(TEXTS[2:3]).tokens, 63 + 2 * 2]
    assert (made.truncated, made.cut_tokens) == (0, 0)
    assert np.abs(made.vectors[1] - opened("mean").encode([LONG]).vectors[0]).max() > 1e-4  # the end counts


def test_windows_of_a_model_that_does_not_normalise_are_not_normalised_either(opened):
    contract = opened("cls").contract
    assert not contract.normalize
    words = LONG.split()
    parts = opened("cls").encode([" ".join(words[:62]), " ".join(words[62:124]), " ".join(words[124:])]).vectors
    made = opened("cls", "window").encode([LONG]).vectors[0]
    np.testing.assert_allclose(made, (62 * parts[0] + 62 * parts[1] + 16 * parts[2]) / 140, atol=1e-5)


@pytest.mark.parametrize(("name", "role"), [("dense", "query"), ("roberta", "query"), ("roberta", "document")])
def test_the_prompt_stands_before_each_window_and_none_is_cut(exported, opened, name, role):
    variant = exported(name)
    tokenizer = Tokenizer(variant.folder, variant.contract)
    text = "Mend the old kettle, then light the lantern: " * 30
    seen = []
    encoder = load_encoder(str(variant.folder), truncate="window")
    inner = encoder.whole.encode
    encoder.whole.encode = lambda texts, role="document", progress=None: (
        seen.extend(texts) or inner(texts, role, progress)
    )
    made = encoder.encode([text], role)
    assert made.truncated == 0
    assert len(seen) > 3
    assert max(tokenizer.lengths(seen, role)) <= variant.contract.max_length
    assert " ".join(seen).split() == text.split()  # no word is lost, doubled or split
    assert made.tokens == sum(tokenizer.lengths(seen, role))


def test_error_names_the_number_and_the_first_text(opened):
    strict = opened("mean", "error")
    with pytest.raises(TooLongError, match=r"2 of 4 texts are longer than the 64 tokens .* first: text 2\)") as caught:
        strict.encode(TEXTS)
    assert "79 tokens would not be read" in str(caught.value)  # 142 - 64 and 65 - 64
    assert caught.value.places == [1, 3]
    named = caught.value.named(["a", "b.txt", "c", "d"])
    assert "(the first: b.txt)" in str(named)
    assert isinstance(named, InputError)
    assert strict.encode(TEXTS[:1]).truncated == 0


def test_splitting_by_hand():
    text = "one two  three four"
    offsets = [(0, 3), (4, 7), (9, 14), (15, 19)]
    assert split(text, offsets, 4) == [text]
    assert split(text, offsets, 3) == ["one two  three", "four"]
    assert split(text, offsets, 2) == ["one two", "three four"]
    assert split(text, offsets, 1) == ["one", "two", "three", "four"]
    pieces = [(0, 3), (4, 7), (9, 11), (11, 14), (15, 19)]  # "three" is two tokens: it goes whole to the next part
    assert split(text, pieces, 3) == ["one two", "three four"]
    with_space = [(0, 3), (3, 7), (8, 14), (14, 19)]  # the space before a word counts to it
    assert split(text, with_space, 2) == ["one two", "three four"]
    unbroken = "水" * 100
    assert split(unbroken, [(i, i + 1) for i in range(100)], 40) == ["水" * 40, "水" * 40, "水" * 20]
    assert split("   ", [], 5) == ["   "]
    shared = [(0, 1), (0, 1), (0, 1), (1, 2)]  # bytes of one character
    assert split("日本", shared, 2) == ["日", "本"]


def test_rules_are_checked_by_name():
    assert parse_truncate("window") == "window"
    with pytest.raises(ConfigError, match=r"Allowed: cut, error, window. Did you mean 'window'"):
        parse_truncate("windows")


def test_a_store_keeps_windows_and_cut_vectors_apart_and_counts_the_same(opened, tmp_path):
    store = VectorStore(tmp_path / "store", 10**7)
    cut = [store.over(opened("mean")).encode(TEXTS) for _ in range(2)]
    in_windows = store.over(opened("mean", "window")).encode(TEXTS)
    np.testing.assert_allclose(in_windows.vectors, opened("mean", "window").encode(TEXTS).vectors, atol=1e-6)
    for made in cut:
        assert (made.truncated, made.cut_tokens) == (2, 79)
    assert (in_windows.truncated, in_windows.cut_tokens) == (0, 0)
    strict = store.over(opened("mean", "error"))
    strict.encode(["a kettle", "a lantern"])
    with pytest.raises(TooLongError, match="first: text 4") as caught:  # counted among all texts, not the new ones
        strict.encode(["a kettle", "a lantern", "a kettle", LONG])
    assert caught.value.places == [3]
