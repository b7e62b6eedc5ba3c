"""Dify 0.15 to 1.9: the TEI plug-in (/info, /tokenize, /v1/embeddings, /rerank) and "OpenAI-API-compatible"."""

from client_kit import LONG, QUERY, TEXTS, openai_vectors, same

NO_KEY = {"Authorization": "", "Content-Type": "application/json"}  # where the user gave no key


def test_info_is_what_it_reads_before_everything_else(served):
    info = served.http.get("/info", headers=NO_KEY).json()
    assert next(iter(info["model_type"])) == "embedding"  # it refuses all but "embedding" and "reranker"
    assert (info["max_input_length"], info["max_client_batch_size"]) == (64, 2048)
    reranker = served.http.get("/tei/kettles:reranker/info", headers=NO_KEY).json()
    assert next(iter(reranker["model_type"])) == "reranker"


def test_it_counts_tokens_and_then_shortens_texts_itself(served):
    rows = served.post("/tokenize", {"inputs": [*TEXTS, LONG]}, NO_KEY).json()
    wanted = served.encoder.tokenizer("document").lengths([*TEXTS, LONG])
    assert [len(row) for row in rows] == wanted
    # core/model_runtime: where a text has too many tokens, so many of its characters as are in proportion
    shortened = LONG[: len(LONG) * 64 // wanted[-1]]
    same(served.post("/embed", {"inputs": [shortened], "truncate": True}, NO_KEY).json(), served.vectors([shortened]))


def test_embeddings_in_the_form_of_openai(served):
    answer = served.post("/v1/embeddings", {"input": TEXTS, "model": "kettles", "encoding_format": "float"}, NO_KEY)
    same(openai_vectors(answer), served.vectors(TEXTS))
    usage = answer.json()["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] == sum(served.encoder.tokenizer("document").lengths(TEXTS))


def test_reranking_with_the_name_that_says_reranker(served):
    body = {"query": QUERY, "texts": TEXTS, "truncate": True, "raw_scores": False, "return_text": False}
    for address in ("/rerank", "/tei/kettles:reranker/rerank"):
        rows = sorted(served.post(address, body, NO_KEY).json(), key=lambda row: row["index"])
        same([row["score"] for row in rows], served.similarities(QUERY, TEXTS))
