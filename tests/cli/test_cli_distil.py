"""`semtune distil` as people run it: what it says, writes and refuses."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file
from sentence_transformers import SentenceTransformer


@pytest.fixture(scope="module")
def data(finished):
    """The toy run's own data set, with a test part."""
    return finished / "runs" / "toy" / "prepare"


def test_a_static_student_is_made_measured_and_searched(semtune, toy_model, data, tmp_path):
    out = tmp_path / "static"
    words = ["--to", "static", "--data", data, "--dim", "16", "--set", "max_steps=3", "--json"]
    made = semtune("distil", toy_model, "-o", out, *words)
    assert made.code == 0, made.err
    found = made.json
    assert (found["to"], found["dimension"], found["runtimes"]["student"]) == ("static", 16, "static-fp32")
    measured = semtune("evaluate", out, data, "--against", toy_model, "--json").json
    assert found["quality"]["student"] == pytest.approx(measured["ndcg@10"])
    assert found["quality"]["gain"] == pytest.approx(measured["gain"])
    assert found["quality"]["kept"] == pytest.approx(found["quality"]["student"] / found["quality"]["teacher"])
    assert found["before"]["teacher"] == found["quality"]["teacher"] == found["metrics"]["teacher"]["ndcg@10"]
    assert found["metrics"]["student"]["recall@1"] == pytest.approx(measured["recall@1"])
    speed = found["texts_per_second"]
    assert speed["ratio"] == pytest.approx(speed["student"] / speed["teacher"])
    assert found["bytes"]["student"] == (out / "model.safetensors").stat().st_size
    assert json.loads((out / "distil.json").read_text()) == {
        key: value for key, value in found.items() if key not in {"path", "dimension", "fingerprint"}
    }
    assert not (tmp_path / ".static.distilling").exists()
    index = tmp_path / "index"
    assert semtune("index", out, data, "-o", index).code == 0
    assert semtune("search", index, "cleaning the kettle", "-k", "1", "--json").json["hits"][0]["id"]


def test_without_data_a_table_is_made_and_nothing_is_claimed(semtune, toy_model, tmp_path):
    made = semtune("distil", toy_model, "--to", "static", "-o", tmp_path / "m")
    assert made.code == 0, made.err
    assert "quality not measured: there is no test split" in made.out
    vectors = SentenceTransformer(str(tmp_path / "m"), device="cpu").encode(["kettle"])
    np.testing.assert_allclose(np.linalg.norm(vectors), 1, atol=1e-5)


@pytest.mark.slow
def test_fewer_layers_by_half(semtune, toy_model, data, tmp_path):
    words = ["--data", data, "--set", "max_steps=2", "--json"]
    made = semtune("distil", toy_model, "--to", "layers", "-o", tmp_path / "m", *words)
    assert made.code == 0, made.err
    assert made.json["layers"] == [2]
    assert made.json["before"] is None


@pytest.mark.slow
def test_shorter_vectors_are_served_as_they_were_measured(semtune, toy_model, data, tmp_path):
    out = tmp_path / "short"
    made = semtune("distil", toy_model, "--to", "dims", "--dim", "12", "--data", data, "-o", out, "--json")
    assert made.code == 0, made.err
    facts = made.json["dims"]
    assert (made.json["dimension"], facts["of"], facts["metric"]) == (12, 32, "ndcg@10")
    assert facts["dev"][facts["way"]] == max(facts["dev"]["pca"], facts["dev"]["first"])
    axes = load_file(out / "2_Dense" / "model.safetensors")["linear.weight"]
    np.testing.assert_allclose(axes @ axes.T, np.eye(12), atol=1e-5)
    texts = ["mend the kettle", "a dry cupboard"]
    whole, short = (SentenceTransformer(str(model), device="cpu").encode(texts) for model in (toy_model, out))
    kept = whole @ axes.T
    np.testing.assert_allclose(short, kept / np.linalg.norm(kept, axis=1, keepdims=True), atol=1e-5)
    measured = semtune("evaluate", out, data, "--against", toy_model, "--json").json
    assert made.json["quality"]["student"] == pytest.approx(measured["ndcg@10"])
    graph = tmp_path / "graph"
    assert semtune("export", out, "-o", graph).code == 0
    assert semtune("index", graph, data, "-o", tmp_path / "index").code == 0
    found = semtune("search", tmp_path / "index", "cleaning the kettle", "-k", "1", "--json").json["hits"][0]
    assert found["id"]


def test_without_data_the_first_dimensions_are_kept(semtune, toy_model, tmp_path):
    made = semtune("distil", toy_model, "--to", "dims", "--dim", "8", "-o", tmp_path / "m", "--json")
    assert (made.code, made.json["dims"]["way"]) == (0, "first"), made.err
    texts = ["mend the kettle", "a dry cupboard"]
    whole = SentenceTransformer(str(toy_model), device="cpu").encode(texts)[:, :8]
    short = SentenceTransformer(str(tmp_path / "m"), device="cpu").encode(texts)
    np.testing.assert_allclose(short, whole / np.linalg.norm(whole, axis=1, keepdims=True), atol=1e-5)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--to", "statik"],
            "--to is 'statik'; allowed: static, layers, dims, multilingual, query. Did you mean 'static'?",
        ),
        (["--to", "layers"], "--to layers needs --data: a data set, a run, or a table with texts to learn from."),
        (["--to", "multilingual", "--data", "x"], "--to multilingual needs --student: a multilingual backbone"),
        (
            ["--to", "static", "--layers", "2"],
            "--layers only works with --to layers or --to query. Leave it out with --to static.",
        ),
        (["--to", "query"], "--to query needs --data: a data set, a run, or a table with questions or texts to learn"),
        (
            ["--to", "layers", "--query-encoder", "static"],
            "--query-encoder only works with --to query. Leave it out with --to layers.",
        ),
        (
            ["--to", "query", "--data", "x", "--query-encoder", "table"],
            "--query-encoder is 'table'; allowed: layers, static.",
        ),
        (
            ["--to", "query", "--data", "x", "--query-encoder", "static", "--layers", "1"],
            "--layers has no effect with --query-encoder static. Leave one of the two out.",
        ),
        (["--to", "query", "--data", "x", "--dim", "8"], "--dim only works with --to static or --to dims."),
        (["--to", "query", "--data", "x", "--student", "y"], "--student only works with --to multilingual."),
        (["--to", "query", "--data", "x", "--set", "loss=CoSENTLoss"], "train.loss has no effect with --to query."),
        (["--to", "static", "--dim", "99"], "--dim is 99; allowed: 1 to 32, the teacher's own dimension."),
        (["--to", "dims"], "--to dims needs --dim: the number of dimensions to keep, e.g. 128."),
        (["--to", "dims", "--dim", "32"], "--dim is 32; allowed: 1 to 31, fewer than the teacher's 32."),
        (
            ["--to", "layers", "--dim", "8"],
            "--dim only works with --to static or --to dims. Leave it out with --to layers.",
        ),
        (["--to", "dims", "--dim", "8", "--set", "seed=1"], "seed"),
        (
            ["--to", "dims", "--dim", "8", "--set", "learning_rate=1e-3"],
            "train.learning_rate has no effect with --to dims.",
        ),
        (["--to", "static", "--set", "learning_rate=7"], "learning_rate"),
        (["--to", "static", "--set", "also={a: b}"], "train.also has no effect with --to static."),
        (["--to", "layers", "--data", "x", "--set", "loss=CoSENTLoss"], "train.loss has no effect with --to layers."),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(semtune, toy_model, tmp_path, words, said):
    made = semtune("distil", toy_model, "-o", tmp_path / "m", *words)
    assert made.code == 2
    assert said in made.error
    assert list(tmp_path.iterdir()) == []


def test_several_processes_are_refused(semtune, toy_model, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    made = semtune("distil", toy_model, "--to", "static", "-o", tmp_path / "m")
    assert made.code == 2
    assert "Start it without torchrun or accelerate" in made.error


def test_others_folders_are_left_alone(semtune, toy_model, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    made = semtune("distil", toy_model, "--to", "static", "-o", tmp_path / "notes")
    assert (made.code, (tmp_path / "notes" / "a.txt").read_text()) == (2, "mine")
    copy = shutil.copytree(toy_model, tmp_path / "copy")
    from semtune import contract as contracts

    contracts.save(contracts.load(copy), copy)
    made = semtune("distil", copy, "--to", "static", "-o", copy)
    assert made.code == 2
    assert "is the teacher or the student's backbone" in made.error
