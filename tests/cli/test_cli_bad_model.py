"""Damaged and mismatched models: every command says what is wrong and what to do, and leaves no traceback."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from model_variants import edit
from semtune.io import sha256_file

BROKEN = "encoder.layer.0.output.dense.weight"


def cut_graph(folder):
    """As a copy that was interrupted."""
    graph = folder / "onnx" / "model.onnx"
    graph.write_bytes(graph.read_bytes()[: graph.stat().st_size // 2])


def cut_graph_in_contract(folder):
    """The same, where even the contract was written for it."""
    cut_graph(folder)
    adopt(folder, folder / "onnx" / "model.onnx")


def no_tokenizer(folder):
    (folder / "tokenizer.json").unlink()


def damaged_tokenizer(folder):
    (folder / "tokenizer.json").write_text((folder / "tokenizer.json").read_text()[:2000])


def other_dimension(folder):
    edit(folder / "semtune.json", dimension=24)


def other_length(folder):
    edit(folder / "semtune.json", max_length=512)


def damaged_contract(folder):
    (folder / "semtune.json").write_text((folder / "semtune.json").read_text()[:100])


def damaged_canary(folder):
    (folder / "canary.npz").write_bytes(b"PK\x03\x04 nothing")


def other_tokens(folder):
    """A tokenizer whose words have other numbers."""
    values = json.loads((folder / "tokenizer.json").read_text())
    words = values["model"]["vocab"]
    turned = dict(zip(words, [*list(words.values())[:5], *list(words.values())[:4:-1]], strict=True))
    values["model"]["vocab"] = turned
    (folder / "tokenizer.json").write_text(json.dumps(values))


def adopt(folder, graph):
    """Write the contract for a graph as it is."""
    values = json.loads((folder / "semtune.json").read_text())
    values["exports"]["onnx-fp32"]["sha256"] = sha256_file(graph)
    (folder / "semtune.json").write_text(json.dumps(values))


FAULTS = {
    cut_graph: "does not match its contract",
    cut_graph_in_contract: "perhaps cut off when it was copied",
    no_tokenizer: "has no tokenizer.json",
    damaged_tokenizer: "is not a tokenizer that can be read",
    other_dimension: "Its files do not fit together",
    other_length: "says that the model reads 512 tokens, but it has positions for 64",
    damaged_contract: "is not valid JSON",
    damaged_canary: "is damaged",
    other_tokens: "gives other vectors than when it was exported",
}


@pytest.fixture(scope="session")
def sound(exported, once, toy_folder):
    """An exported model, and an index made with it."""

    def build(place):
        from semtune import api

        shutil.copytree(exported("mean").folder, place / "model")
        api.index(str(place / "model"), toy_folder, place / "index")
        return place

    return once("sound-model", build)


@pytest.fixture
def place(sound, tmp_path):
    shutil.copytree(sound, tmp_path / "x")
    (tmp_path / "x" / "texts.txt").write_text("a kettle\na lantern\n")
    return tmp_path / "x"


def commands(place, folder):
    return {
        "encode": ["encode", place / "model", place / "texts.txt", "-o", place / "new.npy"],
        "index": ["index", place / "model", folder, "-o", place / "new"],
        "search": ["search", place / "index", "a kettle"],
        "serve": ["serve", place / "index", "--port", "0"],
        "serve-model": ["serve", place / "model", "--port", "0"],
    }


def assert_told(answer, words, code=2):
    assert answer.code == code
    assert words in answer.err
    assert "Traceback" not in answer.err
    assert "bug in Semtune" not in answer.err


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_every_command_names_the_fault(semtune, place, toy_folder, fault):
    fault(place / "model")
    for name, words in commands(place, toy_folder).items():
        answer = semtune(*words)
        assert_told(answer, FAULTS[fault])
        assert any(todo in answer.error for todo in ("xport", "Copy", "Make", "Delete")), (name, answer.error)
    assert not (place / "new").exists()
    assert not (place / "new.npy").exists()


def test_a_sound_model_is_served_by_every_command(semtune, place, toy_folder):
    for name, words in list(commands(place, toy_folder).items())[:3]:
        assert semtune(*words).code == 0, name


@pytest.fixture
def nan_model(toy_model, tmp_path):
    """The toy model with a NaN among its weights."""
    folder = shutil.copytree(toy_model, tmp_path / "nan")
    weights = load_file(folder / "model.safetensors")
    weights[BROKEN][0, 0] = np.nan
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_nan_weights_are_named(semtune, nan_model, place, toy_folder):
    for words in (
        ["export", nan_model, "-o", place / "new"],
        ["export", nan_model],
        ["encode", nan_model, place / "texts.txt", "-o", place / "new.npy"],
        ["index", nan_model, toy_folder, "-o", place / "new"],
        ["serve", nan_model, "--port", "0"],
        ["encode", nan_model, place / "texts.txt", "-o", place / "new.npy", "--runtime", "torch"],
    ):
        answer = semtune(*words)
        assert_told(answer, BROKEN)
        assert "NaN or infinity in 1 of its weights" in answer.error
    assert not (place / "new").exists()
    assert not (nan_model / "onnx").exists()


def cut_weights(folder):
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:20_000])


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (no_tokenizer, "has no tokenizer files"),
        (damaged_tokenizer, "tokenizer"),
        (damaged_contract, "is not valid JSON"),
        (other_dimension, "it says dimension 24 (the files: 32)"),
        (other_length, "it says max_length 512 (the files: 64)"),
        (cut_weights, "a weights file (*.safetensors) is damaged"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_export_names_the_fault(semtune, toy_model, tmp_path, fault, words):
    from semtune import contract as contracts

    folder = shutil.copytree(toy_model, tmp_path / "model")
    contracts.save(contracts.describe(folder), folder)
    if fault in (no_tokenizer, cut_weights):
        (folder / "semtune.json").unlink()
    fault(folder)
    for place in (["-o", tmp_path / "out"], []):
        assert_told(semtune("export", folder, *place), words)
    assert not (tmp_path / "out").exists()
    assert not (folder / "onnx").exists()


def test_an_export_alone_cannot_be_exported_again(semtune, place, tmp_path):
    assert_told(semtune("export", place / "model", "-o", tmp_path / "out"), "model")


def test_long_documents_are_counted_refused_by_name_or_read_in_windows(semtune, place, tmp_path):
    corpus = tmp_path / "corpus.jsonl"
    rows = [
        {"_id": "short", "title": "", "text": "a kettle"}, {"_id": "long one", "title": "", "text": "kettle " * 100},
    ]  # fmt: skip
    corpus.write_text("\n".join(json.dumps(row) for row in rows))
    cut = semtune("index", place / "model", corpus, "-o", tmp_path / "cut", "--json").json
    assert (cut["truncate"], cut["truncated"], cut["cut_tokens"]) == ("cut", 1, 102 - 64)
    refused = semtune("index", place / "model", corpus, "-o", tmp_path / "no", "--truncate", "error")
    assert_told(refused, "1 of 2 text is longer than the 64 tokens that the model reads (the first: long one)")
    assert not (tmp_path / "no").exists()
    windows = semtune("index", place / "model", corpus, "-o", tmp_path / "w", "--truncate", "window", "--json").json
    assert (windows["truncate"], windows["truncated"], windows["cut_tokens"]) == ("window", 0, 0)
    assert_told(semtune("index", place / "model", corpus, "-o", tmp_path / "no", "--truncate", "cat"), "Allowed: cut")


def test_a_query_is_read_as_the_index_was_and_what_is_cut_is_said(semtune, place, tmp_path):
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text(json.dumps({"_id": "a", "title": "", "text": "a kettle"}))
    query = "kettle " * 100
    for rule in ("cut", "window", "error"):
        semtune("index", place / "model", corpus, "-o", tmp_path / rule, "--truncate", rule)
    cut = semtune("search", tmp_path / "cut", query, "--json").json
    assert cut["cut_tokens"] == 38
    assert cut["warnings"] == ["The query is longer than the model reads: its last 38 tokens were cut."]
    windows = semtune("search", tmp_path / "window", query, "--json").json
    assert "cut_tokens" not in windows
    assert "warnings" not in windows
    assert_told(semtune("search", tmp_path / "error", query), "is longer than the 64 tokens")
    assert semtune("search", tmp_path / "error", query, "--truncate", "cut", "--json").json["cut_tokens"] == 38
