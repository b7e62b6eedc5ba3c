"""Haystack 2.x: HuggingFaceAPIDocumentEmbedder (api_type text_embeddings_inference) and OpenAIDocumentEmbedder."""

from client_kit import LONG, QUERY, TEXTS, openai_vectors, same


def test_over_long_texts_are_cut_where_it_asks_for_that_and_refused_where_not(served):
    cut = served.post("/embed", {"inputs": [*TEXTS, LONG], "truncate": True, "normalize": None})
    same(cut.json(), served.vectors([*TEXTS, LONG]))
    refused = served.post("/embed", {"inputs": [*TEXTS, LONG], "truncate": False, "normalize": None})
    assert refused.status_code == 413
    assert "inputs[4]" in refused.json()["error"]


def test_the_openai_embedders(served):
    answer = served.post("/v1/embeddings", {"model": "kettles:query", "input": QUERY, "encoding_format": "float"})
    same(openai_vectors(answer), served.vectors([QUERY], "query"))
    answer = served.post("/v1/embeddings", {"model": "kettles", "input": [*TEXTS, LONG], "encoding_format": "float"})
    same(openai_vectors(answer), served.vectors([*TEXTS, LONG]))
    assert answer.headers["x-semtune-truncated"] == "1"


def test_the_tei_ranker(with_reranker):
    body = {"query": QUERY, "texts": TEXTS, "raw_scores": False, "truncate": True}
    answer = with_reranker.post("/rerank", body).json()
    assert (answer[0]["index"], answer[0]["score"]) == (0, 0.5)  # "the" and "kettle" of four words
