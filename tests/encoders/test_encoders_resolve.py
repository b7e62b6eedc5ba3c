"""From what people type to a folder, and from a folder to a runtime."""

import json
import shutil

import pytest
from huggingface_hub import constants

from semtune import hub as resolving
from semtune.encoders import load as loading
from semtune.encoders.load import load_encoder, parse_runtime
from semtune.errors import ConfigError, MissingExtraError, ModelError
from semtune.hub import is_here, resolve_model


@pytest.fixture(autouse=True)
def empty_hub(tmp_path, monkeypatch):
    """A hub's cache of our own; the hub itself is switched off for all tests."""
    cache = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    return cache


def put_into(cache, repo_id):
    folder = cache / f"models--{repo_id.replace('/', '--')}"
    snapshot = folder / "snapshots" / "0123456789012345678901234567890123456789"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(snapshot.name)
    return snapshot


def a_model(folder, name="config.json"):
    folder.mkdir(parents=True)
    (folder / name).write_text("{}")
    return folder


@pytest.mark.parametrize("name", ["config.json", "modules.json", "semtune.json"])
def test_a_model_folder_is_itself(tmp_path, name):
    folder = a_model(tmp_path / "model", name)
    assert resolve_model(str(folder)) == resolve_model(str(folder), serving=True) == folder


def test_a_run_means_its_tuned_model_and_for_serving_its_export(tmp_path):
    run = tmp_path / "run"
    tuned = a_model(run / "train" / "model")
    assert resolve_model(str(run)) == resolve_model(str(run), serving=True) == tuned
    served = a_model(run / "export", "semtune.json")
    assert resolve_model(str(run)) == tuned
    assert resolve_model(str(run), serving=True) == served
    shutil.rmtree(run / "train")
    assert resolve_model(str(run)) == served


def test_a_folder_wins_over_a_name(tmp_path, monkeypatch, empty_hub):
    monkeypatch.chdir(tmp_path)
    put_into(empty_hub, "sentence-transformers/all-MiniLM-L6-v2")
    folder = a_model(tmp_path / "all-MiniLM-L6-v2")
    assert resolve_model("all-MiniLM-L6-v2").resolve() == folder
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve_model("~/all-MiniLM-L6-v2") == folder


def test_a_well_known_name_means_the_installed_package(tmp_path, monkeypatch):
    package = tmp_path / "site" / "packaged_toy"
    inner = a_model(package / "model")
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setattr(resolving, "PACKAGED", {"toy-model": ("packaged_toy", "model")})
    assert resolve_model("toy-model") == resolve_model("sentence-transformers/toy-model") == inner


def test_names_and_ids_are_found_in_the_hub_s_cache_without_network(empty_hub):
    bare = put_into(empty_hub, "sentence-transformers/some-model")
    assert resolve_model("some-model") == bare
    assert resolve_model("sentence-transformers/some-model") == bare
    other = put_into(empty_hub, "org/other")
    assert resolve_model("org/other") == other


def test_a_cached_repository_without_a_model_is_none(empty_hub):
    snapshot = put_into(empty_hub, "org/data")
    (snapshot / "config.json").rename(snapshot / "data.json")
    with pytest.raises(ModelError, match="No model 'org/data'"):
        resolve_model("org/data")


def test_what_is_nowhere_is_refused_with_the_next_step(tmp_path, monkeypatch):
    monkeypatch.setattr(resolving, "_packaged", lambda package, inner: None)
    with pytest.raises(ModelError) as refused:
        resolve_model("all-MiniLM-L6-v2")
    assert "sentence-transformers/all-MiniLM-L6-v2" in str(refused.value)
    assert "pip install 'semtune[model]'" in str(refused.value)
    with pytest.raises(ModelError, match=r"Did you mean 'all-MiniLM-L6-v2'\?"):
        resolve_model("all-MiniLM-L6-v")
    with pytest.raises(ModelError, match=r"No model 'org/name'.* org/name could not be loaded"):
        resolve_model("org/name")
    for path in (str(tmp_path / "none"), "./none", "~/none", "a/b/c"):
        with pytest.raises(ModelError, match=r"There is no model folder /.*none|There is no model folder /.*a/b/c"):
            resolve_model(path)


def test_folders_that_are_none_are_refused_with_the_reason(tmp_path):
    with pytest.raises(ModelError, match=r"is not a model folder: it has no modules\.json"):
        resolve_model(str(tmp_path))
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(ModelError, match=r"has no model yet: its train step has not finished.*semtune run"):
        resolve_model(str(tmp_path))


def test_runtimes_are_taken_as_asked_and_by_what_is_there(toy_model, exported):
    served, both = exported("mean"), exported("cls")
    assert load_encoder(str(toy_model)).runtime == "torch-fp32"
    assert load_encoder(str(served.folder)).runtime == "onnx-fp32"
    assert load_encoder(str(both.folder)).runtime == "onnx-fp32"
    assert load_encoder(str(both.folder), "torch").runtime == "torch-fp32"
    assert load_encoder(str(both.folder), "onnx").runtime == "onnx-fp32"


def test_a_runtime_that_is_not_there_is_refused_in_words(toy_model, exported, monkeypatch):
    with pytest.raises(ModelError, match="has no ONNX graph"):
        load_encoder(str(toy_model), "onnx")
    with pytest.raises(ModelError, match=r"holds only an exported model. The torch runtime needs the folder"):
        load_encoder(str(exported("mean").folder), "torch")
    monkeypatch.setattr(loading, "installed", lambda module: False)
    with pytest.raises(
        MissingExtraError, match=r"has not been exported.*semtune export.*pip install 'semtune\[train\]'"
    ):
        load_encoder(str(toy_model))


def test_a_runtime_s_name_is_checked():
    assert [parse_runtime(name) for name in ("auto", "onnx", "torch")] == ["auto", "onnx", "torch"]
    with pytest.raises(
        ConfigError,
        match=r"Unknown runtime 'onx'. Allowed: auto, static, onnx, openvino, onnx-int8, torch. Did you mean 'onnx'\?",
    ):
        parse_runtime("onx")


def test_a_run_is_served_from_its_export_and_reopened_in_torch_from_its_tuned_model(exported, tmp_path):
    variant = exported("mean")
    run = tmp_path / "run"
    shutil.copytree(variant.source, run / "train" / "model")
    shutil.copytree(variant.folder, run / "export")
    (run / "manifest.json").write_text(json.dumps({}))
    assert load_encoder(str(run)).runtime == "onnx-fp32"
    assert load_encoder(str(run), "torch").runtime == "torch-fp32"


def test_what_is_here_is_told_without_the_network(empty_hub):
    put_into(empty_hub, "org/name")
    put_into(empty_hub, "sentence-transformers/bare")
    assert [is_here(name) for name in ("org/name", "bare", "org/other")] == [True, True, False]
