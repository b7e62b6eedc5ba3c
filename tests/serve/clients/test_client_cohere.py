"""cohere-python 5.x (both versions of the API), Jina's rerank, and litellm and langchain-cohere on top of them."""

import base64

import numpy as np
import pytest
from client_kit import LONG, QUERY, TEXTS, same, share_of_words

WANTED = share_of_words([(QUERY, text) for text in TEXTS])
ORDER = sorted(range(4), key=lambda at: -WANTED[at])


@pytest.mark.parametrize(
    ("said", "role"),
    [
        ({"input_type": "search_query"}, "query"),
        ({"input_type": "search_document"}, "document"),
        ({"input_type": "classification"}, "document"),
        ({"input_type": "clustering"}, "document"),
        ({"input_type": None}, "document"),
        ({"model": "kettles:query"}, "query"),
    ],
)
def test_embed_in_both_versions(served, said, role):
    body = {"texts": TEXTS, "model": "kettles", "truncate": "END", **said}
    first = served.post("/v1/embed", body).json()
    same(first["embeddings"], served.vectors(TEXTS, role))
    assert (first["response_type"], first["texts"]) == ("embeddings_floats", TEXTS)
    by_type = served.post("/v1/embed", body | {"embedding_types": ["float"]}).json()
    same(by_type["embeddings"]["float"], served.vectors(TEXTS, role))
    assert by_type["response_type"] == "embeddings_by_type"
    second = served.post("/v2/embed", body | {"embedding_types": ["float"]}).json()
    same(second["embeddings"]["float"], served.vectors(TEXTS, role))
    assert set(second["embeddings"]) == {"float"}
    assert second["meta"]["api_version"] == {"version": "2"}
    tokens = sum(served.encoder.tokenizer(role).lengths(TEXTS, role))
    assert second["meta"]["billed_units"] == {"input_tokens": tokens}


def test_embedding_types(served):
    body = {"texts": TEXTS, "input_type": "search_document"}
    types = ["float", "base64", "ubinary", "binary"]
    got = served.post("/v2/embed", body | {"embedding_types": types}).json()["embeddings"]
    wanted = served.vectors(TEXTS)
    assert list(got) == types
    same([np.frombuffer(base64.b64decode(each), "<f4") for each in got["base64"]], wanted)
    for row, vector in enumerate(wanted):
        bits = "".join(f"{byte:08b}" for byte in got["ubinary"][row])
        assert bits == "".join("1" if value > 0 else "0" for value in vector)
        assert [byte - 128 for byte in got["ubinary"][row]] == got["binary"][row]
    refused = served.post("/v2/embed", body | {"embedding_types": ["int8"]})
    assert refused.status_code == 400
    assert "'float', 'base64', 'binary' or 'ubinary'" in refused.json()["message"]


def test_long_texts(served):
    body = {"input_type": "search_document", "texts": [LONG + "light the lantern"]}
    end = served.post("/v2/embed", body)
    same(end.json()["embeddings"]["float"], served.vectors([LONG]))
    assert end.headers["x-semtune-truncated"] == "1"
    start = served.post("/v2/embed", body | {"truncate": "START"})
    tokenizer = served.encoder.tokenizer("document")
    room = 64 - tokenizer.lengths([""])[0] - len(tokenizer.ids("light the lantern"))
    same(start.json()["embeddings"]["float"], served.vectors(["kettle " * room + "light the lantern"]))
    refused = served.post("/v2/embed", body | {"truncate": "NONE"})
    assert (refused.status_code, set(refused.json())) == (400, {"message"})


def test_inputs_of_contents(served):
    inputs = [{"content": [{"type": "text", "text": text}]} for text in TEXTS]
    answer = served.post("/v2/embed", {"inputs": inputs, "input_type": "search_query", "model": "kettles"})
    same(answer.json()["embeddings"]["float"], served.vectors(TEXTS, "query"))
    image = [{"content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]
    assert served.post("/v2/embed", {"inputs": image, "input_type": "search_query"}).status_code == 400


@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank", "/rerank", "/tei/kettles/rerank"])
def test_rerank_has_index_and_score_of_every_document(with_reranker, path):
    answer = with_reranker.post(path, {"model": "kettles", "query": QUERY, "documents": TEXTS})
    results = answer.json()["results"]
    assert [(each["index"], each["relevance_score"]) for each in results] == [(at, WANTED[at]) for at in ORDER]
    assert answer.headers["x-semtune-reranker"] == "cross-encoder"
    assert all(set(each) == {"index", "relevance_score"} for each in results)
    best = with_reranker.post(path, {"query": QUERY, "documents": TEXTS, "top_n": 2, "return_documents": True}).json()
    assert [each["document"] for each in best["results"]] == [{"text": TEXTS[at]} for at in ORDER[:2]]
    many = with_reranker.post(path, {"query": QUERY, "documents": TEXTS, "top_n": 9}).json()
    assert len(many["results"]) == 4


def test_documents_as_objects(with_reranker):
    documents = [{"text": text, "id": str(place)} for place, text in enumerate(TEXTS)]
    body = {"query": QUERY, "documents": documents, "return_documents": True}
    results = with_reranker.post("/v1/rerank", body).json()["results"]
    assert [each["relevance_score"] for each in results] == [WANTED[at] for at in ORDER]
    assert [each["document"] for each in results] == [documents[at] for at in ORDER]
    fields = with_reranker.post(
        "/v1/rerank",
        {"query": "kettle", "documents": [{"title": "kettle", "body": "a lamp"}], "rank_fields": ["title"]},
    )
    assert fields.json()["results"] == [{"index": 0, "relevance_score": 1.0}]
    for wrong in ({"body": "x"}, {"text": None}, {"text": ["x"]}):
        answer = with_reranker.post("/v1/rerank", {"query": QUERY, "documents": ["a", wrong]})
        assert answer.status_code == 400
        assert "documents[1]" in answer.json()["message"]


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/v2/embed", {"input_type": "search_query"}, 400, "Give either 'texts'"),
        ("/v2/embed", {"texts": [], "input_type": "search_query"}, 400, "is an empty list"),
        ("/v2/embed", {"texts": ["a"], "model": "embed-english-v3.0"}, 404, "is not served here"),
        ("/v2/embed", {"texts": ["a"], "input_type": "query"}, 400, "'input_type'"),
        ("/v2/embed", {"texts": ["a"], "model": "kettles:query", "input_type": "clustering"}, 400, "for documents"),
        ("/v1/embed", {"texts": ["a"], "output_dimension": 12}, 400, "Use 24"),
        ("/v1/embed", {"texts": ["a"], "embeding_types": ["float"]}, 400, "Did you mean 'embedding_types'?"),
        ("/v1/rerank", {"documents": ["a"]}, 400, "'query' is missing."),
        ("/v2/rerank", {"query": "a", "documents": []}, 400, "is an empty list"),
        ("/v2/rerank", {"query": "a", "documents": ["a"], "model": "rerank-v3.5"}, 404, "is not served here"),
        ("/v2/nothing", {}, 404, "No endpoint at /v2/nothing"),
    ],
)
def test_an_error_has_a_message(served, path, body, status, words):
    answer = served.post(path, body)
    assert (answer.status_code, set(answer.json())) == (status, {"message"}), answer.text
    assert words in answer.json()["message"]
