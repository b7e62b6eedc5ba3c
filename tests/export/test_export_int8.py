"""The quantised graph: smaller, near the same vectors, its own entry in the contract, served only when asked for."""

import shutil

import numpy as np
import pytest

from semtune import contract as contracts
from semtune.encoders.load import load_encoder, model_bytes, parse_runtime
from semtune.errors import ConfigError, GateError, ModelError
from semtune.export import parity
from semtune.export.build import INT8, check_formats, export_model, graphs
from semtune.io import read_json, sha256_file

TEXTS = ["mend a kettle", "where do I keep the violin", "a long story about a lantern " * 8, ""]


@pytest.fixture
def both(exported, tmp_path, monkeypatch):
    """A folder with both graphs of the toy model "mean"; the fp32 one is written once a session."""
    variant = exported("mean")

    def write(model, normalize, max_length, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(variant.folder / "onnx" / "model.onnx", path)

    monkeypatch.setattr("semtune.export.onnx_graph.write_onnx", write)
    return export_model(variant.source, ["onnx"], tmp_path / "both", precisions=["fp32", "int8"])


def test_the_int8_graph_is_smaller_and_near_torch(both, exported):
    small, whole = (both.contract.exports[name] for name in ("onnx-int8", "onnx-fp32"))
    assert small.precision == "int8"
    assert small.sha256 == sha256_file(both.folder / small.file)
    assert 0.9 < small.min_cosine < whole.min_cosine
    assert small.min_cosine == round(both.parity[INT8].min_cosine, 7)
    assert model_bytes(both.folder, "onnx-int8") < 0.8 * model_bytes(both.folder, "onnx-fp32")
    assert both.contract.fingerprint == exported("mean").contract.fingerprint
    assert "limit_of_plain_sentences" in read_json(both.folder / "parity.json")[INT8]


def test_its_vectors_are_those_of_whole_numbers_and_it_is_served_only_when_asked_for(both):
    plain, small = load_encoder(str(both.folder)), load_encoder(str(both.folder), parse_runtime("onnx-int8"))
    assert (plain.runtime, small.runtime) == ("onnx-fp32", "onnx-int8")
    want, got = plain.encode(TEXTS).vectors, small.encode(TEXTS).vectors
    cosines = (want * got).sum(1)
    assert 0.95 < cosines.min() < 0.999999
    np.testing.assert_allclose(np.linalg.norm(got, axis=1), 1, atol=1e-5)


def test_int8_alone_is_what_is_served_where_there_is_nothing_else(both, exported, tmp_path):
    made = export_model(exported("mean").source, ["onnx"], tmp_path / "small", precisions=["int8"])
    assert made.contract.exports.keys() == {"onnx-int8"}
    assert [path.name for path in (made.folder / "onnx").iterdir()] == ["model_int8.onnx"]
    assert sha256_file(made.folder / "onnx" / "model_int8.onnx") == both.contract.exports["onnx-int8"].sha256
    assert load_encoder(str(made.folder)).runtime == "onnx-int8"
    with pytest.raises(ModelError, match="no ONNX graph in fp32"):
        load_encoder(str(made.folder), "onnx")


def test_int8_added_to_a_model_folder_stands_beside_what_is_there(both, exported, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(exported("mean").source, model)
    export_model(model, ["onnx"])
    made = export_model(model, ["onnx"], precisions=["int8"])
    assert made.contract.exports.keys() == {"onnx-fp32", "onnx-int8"}
    assert read_json(model / "parity.json").keys() == {"onnx", INT8}
    assert contracts.load(model) == made.contract
    assert load_encoder(str(model)).runtime == "onnx-fp32"


def test_what_is_asked_for_is_checked():
    assert graphs(["onnx", "torchscript"], ["fp32", "int8"]) == ["onnx", "torchscript", INT8]
    assert graphs(["torchscript", "onnx"], ["int8"]) == ["torchscript", INT8]
    with pytest.raises(ConfigError, match="int8 only works with the onnx format"):
        check_formats(["torchscript"], ["int8"])
    with pytest.raises(ConfigError, match=r"precision\.0: input should be 'fp32', 'int8' or 'auto' \(found 'int4'\)"):
        check_formats(["onnx"], ["int4"])


@pytest.mark.parametrize("broken", [lambda vectors: vectors[:, ::-1], lambda vectors: vectors * np.nan])
def test_a_graph_that_quantisation_broke_is_refused(broken):
    rng = np.random.default_rng(0)
    table = {text: rng.normal(size=16).astype(np.float32) for text in parity.probe_texts()}

    def reference(texts):
        return np.stack([table[text] for text in texts])

    proof = parity.measure_parity(reference, lambda texts: broken(reference(texts)), list(table))
    with pytest.raises(GateError, match="broken by quantisation"):
        parity.require_near_parity(proof, "The graph")
    parity.require_near_parity(
        parity.measure_parity(reference, lambda texts: reference(texts) * 1.1, list(table)), "The graph"
    )
