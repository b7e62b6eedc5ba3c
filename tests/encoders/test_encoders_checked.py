"""What goes into an encoder and what comes out: wrong inputs and wrong vectors are refused, never returned."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from semtune.encoders import canary
from semtune.encoders.canary import TEXTS, check, first_vector
from semtune.encoders.checked import CheckedEncoder, all_alike, check_vectors, not_finite
from semtune.encoders.load import load_encoder
from semtune.encoders.onnx import open_onnx
from semtune.encoders.toy import ToyEncoder
from semtune.errors import ContractError, InputError, ModelError
from semtune.protocols import Encoder
from semtune.types import Encoded

BROKEN = "encoder.layer.1.attention.self.query.weight"


class Changed:
    """An encoder whose vectors are changed by a function of vectors and texts."""

    def __init__(self, inner, change):
        self.contract, self.runtime = inner.contract, inner.runtime
        self.inner, self.change = inner, change

    def encode(self, texts, role="document", progress=None):
        made = self.inner.encode(texts, role, progress)
        return replace(made, vectors=np.asarray(self.change(made.vectors, texts), np.float32))


@pytest.fixture
def model(exported, tmp_path):
    """A copy of an exported model."""
    return shutil.copytree(exported("mean").folder, tmp_path / "model")


@pytest.fixture
def changed(model):
    """Makes the checked encoder of the model with changed vectors."""
    inner = open_onnx(model)
    return lambda change: CheckedEncoder(Changed(inner, change), model)


@pytest.fixture(scope="session")
def broken(toy_model, tmp_path_factory):
    """The toy model with one NaN among its weights."""
    folder = shutil.copytree(toy_model, tmp_path_factory.mktemp("broken") / "model")
    weights = load_file(folder / "model.safetensors")
    weights[BROKEN][3, 5] = np.nan
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "semtune.json").unlink(missing_ok=True)
    return folder


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ("one text", "A list of texts is needed"),
        (b"one text", "A list of texts is needed"),
        (["fine", None], "Text 2 of 2 is None, of the type NoneType, not str"),
        (["fine", 5, "fine"], "Text 2 of 3 is 5, of the type int"),
        ([b"bytes"], "Text 1 of 1 is b'bytes', of the type bytes"),
        ([["a", "pair"]], "of the type list"),
        (["fine", "half \ud83d"], "Text 2 of 2 holds half of a character"),
    ],
)
def test_what_is_no_text_is_refused_by_its_place(changed, texts, said):
    with pytest.raises(InputError, match=said):
        changed(lambda vectors, texts: vectors).encode(texts)


def test_a_checked_encoder_is_an_encoder_and_lends_what_it_has(changed, model):
    checked = changed(lambda vectors, texts: vectors)
    assert isinstance(checked, Encoder)
    assert not hasattr(checked, "decode")
    whole = load_encoder(str(model))
    assert whole.decode(whole.tokenizer("query").encode(["the kettle"], "query").ids[0]) == "the kettle"
    assert load_encoder(str(model), truncate="window").decode([]) == ""


def test_nan_and_infinity_are_refused_with_the_first_text(changed):
    for bad in (np.nan, np.inf, -np.inf):

        def spoil(vectors, texts, bad=bad):
            vectors = vectors.copy()
            vectors[2, 7] = bad
            return vectors

        with pytest.raises(ModelError, match=r"vectors of 1 of 4 texts \(the first is text 3\)"):
            changed(spoil).encode(["a", "b", "c", "d"])


def test_one_vector_for_different_texts_is_refused(changed):
    constant = changed(lambda vectors, texts: np.tile(vectors[:1], (len(vectors), 1)))
    with pytest.raises(ModelError, match="one and the same vector for 3 different texts"):
        constant.encode(["kettle", "lantern", "anvil"])
    assert len(constant.encode(["kettle"]).vectors) == 1
    # What the model itself takes for equal may be equal.
    for same in (["Kettle", "kettle", " KETTLE "], ["ไทย", "ภาษา"], ["kettle", "kettle"], ["", " "]):
        assert len(constant.encode(same).vectors) == len(same)


def test_all_alike_by_hand():
    assert all_alike(np.ones((3, 4), np.float32))
    assert not all_alike(np.ones((1, 4), np.float32))
    assert not all_alike(np.zeros((0, 4), np.float32))
    one = np.ones((3, 4), np.float32)
    one[1, 2] += 0.01
    assert not all_alike(one)


def test_another_dimension_than_the_contract_s_is_refused():
    contract = ToyEncoder(8).contract
    check_vectors(np.zeros((2, 8), np.float32), contract)
    with pytest.raises(ModelError, match="vectors of 9 dimensions, and its contract says 8"):
        check_vectors(np.zeros((2, 9), np.float32), contract)


def test_tokens_beyond_the_limit_are_counted_where_the_runtime_does_not(changed, model):
    class Silent(Changed):
        def encode(self, texts, role="document", progress=None):
            made = self.inner.encode(texts, role, progress)
            return Encoded(made.vectors, made.tokens, made.truncated, made.lengths, made.cut)

    made = CheckedEncoder(Silent(open_onnx(model), None), model).encode(["kettle", "kettle " * 100])
    assert made.beyond.tolist() == [0, 102 - 64]
    assert made.cut_tokens == 38


def test_broken_weights_are_named_when_a_model_is_opened(broken):
    assert not_finite(broken) == [BROKEN]
    with pytest.raises(ModelError, match=f"NaN or infinity in 1 of its weights: 0.model.{BROKEN}|{BROKEN}"):
        load_encoder(str(broken))


def test_a_canary_is_kept_by_the_export_and_agrees_with_what_serves(exported):
    for name in ("mean", "dense", "cls", "roberta"):
        variant = exported(name)
        kept = canary.read(variant.folder, variant.contract.fingerprint)
        assert kept.texts == list(TEXTS)
        assert "onnxruntime" in kept.libraries
        encoder = load_encoder(str(variant.folder))
        for role in ("query", "document"):
            made = np.concatenate([encoder.encode([text], role).vectors for text in TEXTS])
            np.testing.assert_allclose(kept.vectors[f"onnx-fp32.{role}"], made, atol=1e-6)
        check(encoder, variant.folder)
        check(load_encoder(str(variant.source), "torch"), variant.folder)
        assert canary.read(variant.folder, "another fingerprint") is None
    check(ToyEncoder(), None)


def test_the_canary_notices_what_the_export_did_not_do(changed, model):
    sound = changed(lambda vectors, texts: vectors)
    check(sound, model)
    turned = changed(lambda vectors, texts: np.roll(vectors, 1, axis=1))
    with pytest.raises(ContractError, match=r"other vectors than when it was exported .* It was exported with semtune"):
        check(turned, model)
    with pytest.raises(ContractError, match="other vectors"):
        first_vector(turned, model)
    (model / "canary.npz").unlink()
    check(turned, model)  # older exports have none


def test_the_canary_notices_a_batch_that_changes_vectors(changed, model):
    beside = changed(lambda vectors, texts: vectors + np.float32(0.2 * (len(texts) > 1)))
    first_vector(beside, model)  # one text alone is as ever
    with pytest.raises(ModelError, match="another vector alone than beside other texts"):
        check(beside, model)


def test_the_canary_notices_vectors_that_are_all_alike():
    toy = ToyEncoder(8)
    constant = Changed(toy, lambda vectors, texts: np.ones_like(vectors) / np.sqrt(8))
    with pytest.raises(ModelError, match="one and the same vector for 8 different texts"):
        check(constant, None)
    with pytest.raises(ModelError, match="NaN or infinity"):
        check(Changed(toy, lambda vectors, texts: vectors * np.nan), None)


def test_a_damaged_canary_is_refused(model):
    (model / "canary.npz").write_bytes((model / "canary.npz").read_bytes()[:500])
    with pytest.raises(ContractError, match="is damaged"):
        load_encoder(str(model))
