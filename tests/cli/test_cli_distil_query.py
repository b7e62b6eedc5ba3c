"""`semtune distil --to query` as people run it, and what comes out as every other command sees it."""

import json

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from semtune import contract as contracts


@pytest.fixture(scope="module")
def data(finished):
    """The toy run's own data set, with a test part."""
    return finished / "runs" / "toy" / "prepare"


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """A teacher of four layers that wants prompts."""
    from model_variants import PROMPTS
    from semtune.testing.toy_corpus import toy_documents
    from semtune.testing.toy_model import write_toy_model

    folder = tmp_path_factory.mktemp("teacher") / "toy"
    return write_toy_model(folder, toy_documents(20).values(), layers=4, prompts=PROMPTS)


WORDS = ["--to", "query", "--set", "max_steps=3", "--json"]


@pytest.mark.slow
def test_a_pair_is_made_and_measured(semtune, teacher, data, tmp_path):
    out = tmp_path / "pair"
    made = semtune("distil", teacher, "-o", out, "--data", data, *WORDS, "--layers", "2")
    assert made.code == 0, made.err
    found = made.json
    assert (found["to"], found["query_encoder"], found["layers"]) == ("query", "layers", [1, 4])
    weights = {name: (out / f"{name}_0_Transformer" / "model.safetensors") for name in ("query", "document")}
    sizes = {name: path.stat().st_size for name, path in weights.items()}
    assert weights["document"].read_bytes() == (teacher / "model.safetensors").read_bytes()
    assert found["bytes"] == {
        "query": sizes["query"], "teacher": sizes["document"], "student": sizes["query"] + sizes["document"],
    }  # fmt: skip
    speed = found["one_query"]
    assert speed["ratio"] == pytest.approx(speed["teacher"]["p50"] / speed["student"]["p50"])
    assert found["runtimes"] == {"teacher": "onnx-fp32", "student": "onnx-fp32"}
    assert "one query in " in made.err
    assert json.loads((out / "distil.json").read_text()) == {
        key: value for key, value in found.items() if key not in {"path", "dimension", "fingerprint"}
    }
    assert not (tmp_path / ".pair.distilling").exists()
    measured = semtune("evaluate", out, data, "--against", teacher, "--json").json
    assert found["quality"]["student"] == pytest.approx(measured["ndcg@10"])
    assert found["quality"]["gain"] == pytest.approx(measured["gain"])
    assert found["quality"]["kept"] == pytest.approx(found["quality"]["student"] / found["quality"]["teacher"])


def test_the_better_on_dev_is_taken_and_the_other_one_named(semtune, exported, data, tmp_path):
    made = semtune("distil", exported("cls").source, "-o", tmp_path / "pair", "--data", data, *WORDS)
    assert made.code == 0, made.err
    tried = made.json["query_encoders"]
    assert tried.keys() == {"layers", "static"}
    assert tried[made.json["query_encoder"]] == max(tried.values())
    assert f"{made.json['query_encoder']} was taken; on dev: layers " in made.err


@pytest.mark.slow
def test_every_command_takes_the_pair_as_one_model(semtune, exported, data, tmp_path):
    pair, served, index, teacher = tmp_path / "pair", tmp_path / "served", tmp_path / "index", exported("cls").source
    made = semtune("distil", teacher, "-o", pair, "--data", data, *WORDS, "--query-encoder", "static")
    assert made.code == 0, made.err
    assert made.json["runtimes"] == {"teacher": "onnx-fp32", "student": "static-fp32"}
    measured = semtune("evaluate", teacher, data, "--json").json
    assert made.json["quality"]["teacher"] == pytest.approx(measured["ndcg@10"])
    exported = semtune("export", pair, "-o", served, "--json")
    assert exported.code == 0, exported.err
    assert exported.json["fingerprint"] == contracts.load(pair).fingerprint
    assert semtune("index", teacher, data, "-o", index).code == 0
    asked = semtune("search", index, "cleaning the kettle", "-k", "3", "--model", served, "--json")
    assert asked.code == 0, asked.err
    lines = tmp_path / "lines.txt"
    lines.write_text("cleaning the kettle\n")
    vectors = {}
    for role in ("query", "document"):
        place = tmp_path / f"{role}.npy"
        assert semtune("encode", served, lines, "-o", place, "--role", role).code == 0
        vectors[role] = np.load(place)
    model = SentenceTransformer(str(pair), device="cpu")
    np.testing.assert_allclose(vectors["query"], model.encode_query(["cleaning the kettle"]), atol=1e-5)
    np.testing.assert_allclose(vectors["document"], model.encode_document(["cleaning the kettle"]), atol=1e-5)
    from semtune.dataset import load

    first = next(document for document in load(data).to_index if document.id == asked.json["hits"][0]["id"])
    score = float((model.encode_document([first.content]) @ vectors["query"].T).item())
    assert asked.json["hits"][0]["score"] == pytest.approx(score, abs=1e-5)
    again = semtune("distil", pair, "-o", tmp_path / "again", "--data", data, *WORDS)
    assert again.code == 2
    assert "is a Router model: it reads queries and documents with a model each" in again.error


def test_a_corpus_without_questions_is_enough_and_nothing_is_claimed(semtune, exported, tmp_path):
    from semtune.dataset import Dataset, save
    from semtune.testing.toy_corpus import toy_documents
    from semtune.types import Document

    save(Dataset(corpus=[Document(name, text) for name, text in toy_documents(9).items()]), tmp_path / "data")
    words = ["--data", tmp_path / "data", *WORDS[:-1], "--query-encoder", "static"]
    made = semtune("distil", exported("cls").source, "-o", tmp_path / "pair", *words)
    assert made.code == 0, made.err
    assert "quality not measured: there is no test split" in made.out
    assert "one query in " in made.out
