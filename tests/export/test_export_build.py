"""What an export writes, where, and what it refuses."""

import json
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from model_variants import PROMPTS, VARIANTS, edit, files
from semtune import contract as contracts
from semtune.encoders.load import load_encoder
from semtune.encoders.onnx import open_onnx
from semtune.errors import ConfigError, ContractError, GateError, ModelError
from semtune.export import parity
from semtune.export.build import check_formats, export_model
from semtune.io import read_json, sha256_file

NEW = {"semtune.json", "parity.json", "canary.npz", "onnx/model.onnx", "torchscript/model.pt"}


@pytest.fixture
def graph_of(exported, monkeypatch):
    """Make the ONNX writer write the finished graph of a variant, whatever it is asked for."""

    def use(name):
        graph = exported(name).folder / "onnx" / "model.onnx"

        def write(model, normalize, max_length, path):
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(graph, path)

        monkeypatch.setattr("semtune.export.onnx_graph.write_onnx", write)

    return use


@pytest.fixture
def script_of(exported, monkeypatch):
    """As `graph_of`, for TorchScript."""

    def use(name):
        graph = exported(name).folder / "torchscript" / "model.pt"

        def write(model, normalize, path):
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(graph, path)

        monkeypatch.setattr("semtune.export.torchscript.write_torchscript", write)

    return use


@pytest.fixture
def copy_of(exported, tmp_path):
    """A variant's model folder as it was before the export."""

    def make(name):
        variant = exported(name)
        target = tmp_path / name
        shutil.copytree(variant.source, target)
        for added in files(target).keys() - variant.before.keys():
            (target / added).unlink()
        for empty in ("onnx", "torchscript"):
            if (target / empty).exists():
                (target / empty).rmdir()
        assert files(target) == variant.before
        return target

    return make


@pytest.mark.parametrize("name", VARIANTS)
def test_the_contract_names_each_graph_with_its_hash_and_the_parity_file_its_proof(exported, name):
    variant = exported(name)
    made = contracts.load(variant.folder)
    assert made == variant.contract
    assert made.exports.keys() == {"onnx-fp32", "torchscript-fp32"}
    proof = read_json(variant.folder / "parity.json")
    assert proof.keys() == {"onnx", "torchscript"}
    for kind in proof:
        graph = made.exports[f"{kind}-fp32"]
        assert graph.sha256 == sha256_file(variant.folder / graph.file)
        assert graph.min_cosine == pytest.approx(proof[kind]["min_cosine"], abs=1e-6)
        assert proof[kind]["min_cosine"] > 0.99999
        assert proof[kind]["by_words"].keys() == {"1", "4", "16", "60", "150", "600"}
        assert proof[kind]["by_batch"].keys() == {"1", "3", "6"}
    before = contracts.describe(variant.source)
    assert (made.fingerprint, made.weights_sha256, made.prompts) == (
        before.fingerprint,
        before.weights_sha256,
        before.prompts,
    )


@pytest.mark.parametrize("name", VARIANTS)
def test_the_model_s_own_files_are_left_as_they_were(exported, name):
    variant = exported(name)
    after = files(variant.source)
    assert {path: after.get(path) for path in variant.before} == variant.before
    assert after.keys() - variant.before.keys() == (NEW if name == "cls" else set())


def test_a_new_folder_holds_what_serving_needs_and_no_weights(exported):
    variant = exported("dense")
    assert files(variant.folder).keys() == NEW | {
        "config.json", "config_sentence_transformers.json", "sentence_bert_config.json", "tokenizer.json",
        "tokenizer_config.json",
    }  # fmt: skip


def test_a_folder_exported_into_itself_still_opens_in_sentence_transformers(exported, copy_of):
    untouched = SentenceTransformer(str(copy_of("cls")), device="cpu")
    exported_into = SentenceTransformer(str(exported("cls").source), device="cpu")
    texts = ["the kettle", "a long story about a lantern", ""]
    np.testing.assert_array_equal(exported_into.encode(texts), untouched.encode(texts))


SERVE = textwrap.dedent("""
    import importlib.abc, json, sys

    class Poison(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] in {"torch", "transformers", "sentence_transformers", "datasets"}:
                raise AssertionError(f"{name} was imported")

    sys.meta_path.insert(0, Poison())
    from semtune.encoders.load import load_encoder

    encoder = load_encoder(sys.argv[1])
    made = [encoder.encode(json.loads(sys.argv[2]), role).vectors.tolist() for role in ("query", "document")]
    print(json.dumps([encoder.runtime, *made]))
""")


def test_an_export_serves_where_torch_cannot_be_imported(exported):
    variant = exported("dense")
    texts = ["kettle", "mend a lantern by hand " * 30, ""]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SERVE, str(variant.folder), json.dumps(texts)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    runtime, queries, documents = json.loads(done.stdout)
    assert runtime == "onnx-fp32"
    model = SentenceTransformer(str(variant.source), device="cpu")
    np.testing.assert_allclose(queries, model.encode_query(texts), atol=1e-5)
    np.testing.assert_allclose(documents, model.encode_document(texts), atol=1e-5)


def test_a_graph_of_another_model_is_refused_and_nothing_is_left(graph_of, copy_of, tmp_path):
    model = copy_of("mean")
    graph_of("cls")
    for out in (tmp_path / "new", None):
        before = files(tmp_path)
        with pytest.raises(GateError, match=r"The onnx graph is not the same model: its minimum cosine .* 0\.9999"):
            export_model(model, ["onnx"], out)
        assert files(tmp_path) == before
        assert sorted(path.name for path in tmp_path.iterdir()) == ["mean"]
    assert GateError.exit_code == 1


def test_one_refused_graph_leaves_none_of_the_others(graph_of, script_of, copy_of, tmp_path):
    model = copy_of("mean")
    graph_of("mean")
    script_of("cls")
    before = files(tmp_path)
    with pytest.raises(GateError, match="The torchscript graph"):
        export_model(model, ["onnx", "torchscript"])
    assert files(tmp_path) == before


def test_a_second_format_keeps_the_first_one_and_its_proof(graph_of, script_of, copy_of):
    model = copy_of("mean")
    graph_of("mean")
    script_of("mean")
    export_model(model, ["onnx"])
    made = export_model(model, ["torchscript"])
    assert made.contract.exports.keys() == {"onnx-fp32", "torchscript-fp32"}
    assert read_json(model / "parity.json").keys() == {"onnx", "torchscript"}
    assert load_encoder(str(model)).runtime == "onnx-fp32"


def test_a_new_folder_promises_only_the_graphs_that_lie_in_it(exported, script_of, tmp_path):
    script_of("cls")  # this variant's own folder holds both graphs
    made = export_model(exported("cls").source, ["torchscript"], tmp_path / "out")
    assert made.contract.exports.keys() == {"torchscript-fp32"}
    assert files(tmp_path / "out").keys() & NEW == {"semtune.json", "parity.json", "torchscript/model.pt"}


def test_an_export_there_is_replaced_as_a_whole(graph_of, copy_of, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "stale.txt").write_text("old")
    graph_of("mean")
    export_model(copy_of("mean"), ["onnx"], out)
    assert "stale.txt" not in files(out)
    kept = files(out)
    graph_of("cls")
    with pytest.raises(GateError):
        export_model(tmp_path / "mean", ["onnx"], out)
    assert files(out) == kept


def test_the_gate_asks_with_the_query_prompt_too(graph_of, copy_of):
    model = copy_of("dense")
    edit(model / "config_sentence_transformers.json", prompts={"query": PROMPTS["query"]})
    edit(model / "1_Pooling" / "config.json", include_prompt=False)  # queries are pooled without their prompt
    graph_of("dense")  # pools everything
    with pytest.raises(GateError):
        export_model(model, ["onnx"])


def test_a_slow_tokenizer_s_files_are_carried_in_the_fast_form(script_of, copy_of, tmp_path):
    model = copy_of("mean")
    vocabulary = read_json(model / "tokenizer.json")["model"]["vocab"]
    (model / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.get)), encoding="utf-8")
    (model / "tokenizer.json").unlink()
    script_of("mean")
    made = export_model(model, ["torchscript"], tmp_path / "out")
    assert made.parity["torchscript"].min_cosine > 0.99999
    assert read_json(tmp_path / "out" / "tokenizer.json")["model"]["vocab"] == vocabulary


def test_a_graph_that_was_changed_afterwards_is_refused(exported, copy_of, graph_of, tmp_path):
    graph_of("mean")
    export_model(copy_of("mean"), ["onnx"], tmp_path / "out")
    shutil.copyfile(exported("cls").folder / "onnx" / "model.onnx", tmp_path / "out" / "onnx" / "model.onnx")
    with pytest.raises(ContractError, match="does not match its contract"):
        open_onnx(tmp_path / "out")


def test_unknown_formats_and_folders_are_refused_in_words(tmp_path):
    with pytest.raises(
        ConfigError, match=r"format\.0: input should be 'onnx' or 'torchscript' \(found 'onx'\)\. Did you mean 'onnx'\?"
    ):
        export_model(tmp_path, ["onx"])
    with pytest.raises(ConfigError, match=r"precision\.0: input should be 'fp32', 'int8' or 'auto' \(found 'fp16'\)"):
        check_formats(["onnx"], ["fp16"])
    with pytest.raises(ModelError, match="is not a model folder"):
        export_model(tmp_path, ["onnx"])
    assert list(tmp_path.iterdir()) == []


PROBES = parity.probe_texts(["my own"])


def unlike(texts):
    """A vector of five words' counts and the length, of any norm."""
    return np.array([[text.count(c) for c in "aeioun "] + [len(text) + 1] for text in texts], dtype=np.float32)


def measured(graph, reference=unlike):
    return parity.measure_parity(reference, graph, list(PROBES))


def test_probes_are_of_every_length_and_hold_the_user_s_texts():
    assert [len(text.split()) for text in PROBES[: len(parity.WORDS)]] == list(parity.WORDS)
    assert {"", "  ", "my own"} < set(PROBES)


def test_the_same_model_passes_and_its_numbers_are_right():
    proof = measured(unlike)
    parity.require_parity(proof, "The graph")
    assert proof.min_cosine == pytest.approx(1)
    assert proof.max_abs_difference == 0
    assert proof.texts == len(PROBES)


def test_the_worst_cosine_is_that_of_numpy():
    def turned(texts):
        return np.roll(unlike(texts), 1, axis=1)

    proof = measured(turned)
    want, got = unlike(PROBES), turned(PROBES)
    cosines = (want * got).sum(1) / np.linalg.norm(want, axis=1) / np.linalg.norm(got, axis=1)
    assert proof.min_cosine == pytest.approx(cosines.min(), abs=1e-6)
    assert proof.by_words == pytest.approx(dict(zip(parity.WORDS, cosines[: len(parity.WORDS)], strict=True)), abs=1e-6)


def padded_wrong(texts):
    made = unlike(texts)
    longest = max(map(len, texts))
    for row, text in enumerate(texts):
        made[row, 0] += longest - len(text)  # padding is counted
    return made


def nan_in_batches(texts):
    return unlike(texts) * (1 if len(texts) == 1 else np.nan)


def nan_once(texts):
    made = unlike(texts)
    made[[text == "my own" for text in texts]] = np.nan
    return made


def too_long(texts):
    return unlike(texts) * 1.1


@pytest.mark.parametrize("graph", [padded_wrong, nan_in_batches, nan_once, too_long])
def test_a_graph_that_is_wrong_only_sometimes_is_refused(graph):
    with pytest.raises(GateError, match="is not the same model"):
        parity.require_parity(measured(graph), "The graph")
