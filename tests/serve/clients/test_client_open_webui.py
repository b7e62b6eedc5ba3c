"""Open WebUI 0.6 to 0.9 (backend/open_webui/retrieval/utils.py and models/external.py)."""

import pytest
from client_kit import QUERY, TEXTS, openai_vectors, same

KEY = {"Authorization": "Bearer ", "Content-Type": "application/json", "X-OpenWebUI-User-Id": "1"}


@pytest.mark.parametrize(
    ("field", "value", "role"),
    [
        # RAG_EMBEDDING_PREFIX_FIELD_NAME with RAG_EMBEDDING_QUERY_PREFIX and RAG_EMBEDDING_CONTENT_PREFIX
        ("input_type", "query", "query"),
        ("input_type", "document", "document"),
        ("prefix", "ask the seller: ", "query"),  # the model's own prompt
        ("prefix", "all about ", "document"),
        ("instruction", "ask the seller:", "query"),
    ],
)
def test_a_prefix_field_of_any_name(served, field, value, role):
    answer = served.post("/v1/embeddings", {"input": TEXTS, "model": "kettles", field: value}, KEY)
    same(openai_vectors(answer), served.vectors(TEXTS, role))


def test_a_prefix_that_is_not_the_models_is_ignored_by_name_or_refused(served):
    ignored = served.post("/v1/embeddings", {"input": TEXTS, "model": "kettles", "prefix": "hello: "}, KEY)
    assert ignored.headers["x-semtune-ignored"] == "prefix"
    refused = served.post("/v1/embeddings", {"input": TEXTS, "model": "kettles", "prompt": "hello: "}, KEY)
    assert refused.status_code == 400


@pytest.mark.parametrize("path", ["/rerank", "/v1/rerank", "/v2/rerank", "/rerank/"])
def test_a_rerank_has_every_document(served, path):
    body = {"model": "reranker", "query": QUERY, "documents": TEXTS, "top_n": len(TEXTS)}
    answer = served.post(path, body, KEY)
    assert answer.status_code == 200, answer.text
    # as the client reads it
    rows = sorted(answer.json()["results"], key=lambda row: row["index"])
    assert [row["index"] for row in rows] == [0, 1, 2, 3]
    same([row["relevance_score"] for row in rows], served.similarities(QUERY, TEXTS))
    assert answer.headers["x-semtune-reranker"] == "similarity"


def test_a_rerank_in_the_form_of_tei_that_it_falls_back_to(served):
    answer = served.post("/rerank", {"query": QUERY, "texts": TEXTS, "truncate": True}, KEY)
    rows = sorted(answer.json(), key=lambda row: row["index"])
    same([row["score"] for row in rows], served.similarities(QUERY, TEXTS))


def test_a_refused_probe_does_not_make_it_change_to_the_form_of_tei(served):
    answer = served.post("/v1/rerank", {"model": "reranker", "query": QUERY, "documents": [], "top_n": 0}, KEY)
    assert answer.status_code == 400  # 422 would
