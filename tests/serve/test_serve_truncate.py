"""What the server does with texts longer than the model reads, and what it says of them."""

import numpy as np
import pytest
from fastapi.testclient import TestClient

from semtune.encoders.load import load_encoder
from semtune.index.build import build_index
from semtune.index.settings import IndexSettings
from semtune.search.searcher import Searcher
from semtune.serve.app import create_app
from semtune.serve.catalogue import Catalogue
from semtune.types import Document

LONG = "kettle " * 100  # 102 tokens of a model that reads 64
DOCUMENTS = [Document("a", "a kettle on the shelf"), Document("b", "light the lantern")]


@pytest.fixture(scope="module")
def model(exported):
    return exported("mean").folder


@pytest.fixture(scope="module")
def searcher(model, tmp_path_factory):
    place = tmp_path_factory.mktemp("truncate") / "index"
    build_index(DOCUMENTS, load_encoder(str(model)), model, place, IndexSettings())
    opened = Searcher.open(place)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def client(searcher):
    with TestClient(create_app(Catalogue.single(searcher.encoder, searcher))) as made:
        yield made


def vectors(answer):
    return np.array([row["embedding"] for row in answer.json()["data"]], np.float32)


def test_a_request_chooses_what_becomes_of_long_texts(client, model):
    texts = ["a kettle", LONG]
    usual = client.post("/v1/embeddings", json={"input": texts})
    assert (usual.headers["x-semtune-truncated"], usual.headers["x-semtune-cut-tokens"]) == ("1", "38")
    for same in ("cut", True, None):
        answer = client.post("/v1/embeddings", json={"input": texts, "truncate": same})
        np.testing.assert_array_equal(vectors(answer), vectors(usual))
    windows = client.post("/v1/embeddings", json={"input": texts, "truncate": "window"})
    assert (windows.headers["x-semtune-truncated"], windows.headers["x-semtune-cut-tokens"]) == ("0", "0")
    np.testing.assert_allclose(
        vectors(windows), load_encoder(str(model), truncate="window").encode(texts).vectors, atol=1e-6
    )
    assert windows.json()["usage"]["prompt_tokens"] == 4 + 100 + 2 * 2
    for refused in ("error", False):
        answer = client.post("/v1/embeddings", json={"input": texts, "truncate": refused})
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == "input"
        assert "the first: input[1]" in answer.json()["error"]["message"]
    assert client.post("/v1/embeddings", json={"input": texts, "truncate": "windows"}).status_code == 400


def test_a_text_far_back_in_a_bulk_request_is_named_by_its_place(client):
    texts = ["a kettle " * 20] * 600 + [LONG]
    answer = client.post("/v1/embeddings", json={"input": texts, "truncate": "error"})
    assert "the first: input[600]" in answer.json()["error"]["message"]


def test_an_encoder_without_a_tokenizer_refuses_another_rule(encoder):
    with TestClient(create_app(Catalogue.single(encoder))) as client:
        assert client.post("/v1/embeddings", json={"input": "a", "truncate": True}).status_code == 400
        answer = client.post("/v1/embeddings", json={"input": "a", "truncate": "window"})
        assert answer.json()["error"]["param"] == "truncate"
        assert client.post("/v1/embeddings", json={"input": "a"}).status_code == 200


def test_a_query_that_is_cut_is_reported_and_others_are_answered_as_ever(client):
    plain = client.get("/search", params={"q": "kettle"}).json()
    assert plain.keys() == {"query", "hits", "took_ms"}
    long = client.post("/search", json={"query": LONG}).json()
    assert long["cut_tokens"] == 38
    assert long["warnings"] == ["The query is longer than the model reads: its last 38 tokens were cut."]
    assert len(long["hits"]) == 2


def test_a_query_that_the_model_cannot_read_is_reported(client):
    answer = client.post("/search", json={"query": "ภาษาไทย ล้วน"}).json()
    assert "cannot read this query" in answer["warnings"][0]
    assert "cut_tokens" not in answer


def test_inputs_that_are_no_texts_are_refused_in_words(client):
    for wrong in (5, None, {"a": 1}, [None], [["text"]], [1.5], True, ["fine", 5]):
        answer = client.post("/v1/embeddings", json={"input": wrong})
        assert answer.status_code == 400, wrong
        assert "'input' must be a string, a list of strings" in answer.json()["error"]["message"]
    for wrong in (5, None, ["a"], {}):
        assert client.post("/search", json={"query": wrong}).status_code == 422
