"""text-embeddings-inference 1.2 to 1.8: its fields, limits and error types, by the reference of its API."""

import math

import numpy as np
import pytest
from client_kit import LONG, QUERY, TEXTS, same, share_of_words


@pytest.mark.parametrize(
    ("body", "role"),
    [
        ({}, "document"),
        ({"normalize": True, "truncate": None, "prompt_name": None, "truncation_direction": None}, "document"),
        ({"truncate": True, "truncation_direction": "Right"}, "document"),
        ({"prompt_name": "query"}, "query"),
        ({"prompt_name": "passage"}, "document"),
        ({"model": "kettles:query", "dimensions": 24}, "query"),
    ],
)
def test_embed(served, body, role):
    answer = served.post("/embed", {"inputs": TEXTS, **body})
    same(answer.json(), served.vectors(TEXTS, role))
    assert answer.headers["x-semtune-truncated"] == "0"


def test_one_text_is_a_list_of_one_vector(served):
    same(served.post("/embed", {"inputs": QUERY}).json(), served.vectors([QUERY]))
    same(served.post("/embed", {"inputs": ""}).json(), served.vectors([""]))


def test_token_ids_are_those_of_tokenize(served):
    tokens = served.post("/tokenize", {"inputs": TEXTS[:3], "add_special_tokens": False, "prompt_name": "query"}).json()
    prompt = len(served.encoder.tokenizer("query").ids("ask the seller:"))
    ids = [[token["id"] for token in row][prompt:] for row in tokens]
    same(served.post("/embed", {"inputs": ids}).json(), served.vectors(TEXTS[:3]))
    same(served.post("/embed", {"inputs": ids[1]}).json(), served.vectors(TEXTS[1:2]))
    same(served.post("/embed", {"inputs": [ids[0], TEXTS[1]]}).json(), served.vectors(TEXTS[:2]))
    assert served.post("/decode", {"ids": ids}).json() == TEXTS[:3]
    assert served.post("/decode", {"ids": ids[0]}).json() == TEXTS[:1]


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_name_in_the_address_for_clients_that_send_none(served, slash):
    for address in ("/tei/kettles:query/embed", "/tei/kettles-embed:query/embed", "/tei/kettles:query"):
        same(served.post(address + slash, {"inputs": TEXTS}).json(), served.vectors(TEXTS, "query"))
    assert served.post("/tei/other/embed", {"inputs": TEXTS}).json()["error_type"] == "Validation"


def test_long_texts_are_refused_cut_at_the_end_or_at_the_beginning(served):
    refused = served.post("/embed", {"inputs": [TEXTS[0], LONG]})
    assert (refused.status_code, refused.json()["error_type"]) == (413, "Validation")
    assert "inputs[1]" in refused.json()["error"]
    cut = served.post("/embed", {"inputs": [TEXTS[0], LONG], "truncate": True})
    same(cut.json(), served.vectors([TEXTS[0], LONG]))
    assert cut.headers["x-semtune-truncated"] == "1"
    text = LONG + "light the lantern"
    ends = served.post("/embed", {"inputs": text, "truncate": True, "truncation_direction": "left"})
    tokenizer = served.encoder.tokenizer("document")
    room = 64 - tokenizer.lengths([""])[0]
    last = len(tokenizer.ids("light the lantern"))
    end = "kettle " * (room - last) + "light the lantern"
    assert served.encoder.tokenizer("document").lengths([end])[0] == 64
    same(ends.json(), served.vectors([end]))
    assert ends.headers["x-semtune-truncated"] == "1"
    assert ends.headers["x-semtune-cut-tokens"] == str(100 + last - room)
    short = served.post("/embed", {"inputs": TEXTS, "truncate": True, "truncation_direction": "Left"})
    same(short.json(), served.vectors(TEXTS))


def test_tokenize_counts_bytes_and_marks_special_tokens(served):
    (tokens,) = served.post("/tokenize", {"inputs": "über den Fluß"}).json()
    text = "all about über den Fluß"
    assert [token["special"] for token in tokens] == [True, *[False] * (len(tokens) - 2), True]
    assert (tokens[0]["start"], tokens[0]["stop"]) == (None, None)
    for token in tokens[1:-1]:
        assert text.encode()[token["start"] : token["stop"]].decode() == token["text"]
    assert tokens[-2]["stop"] == len(text.encode())
    assert len(tokens) == served.encoder.tokenizer("document").lengths(["über den Fluß"])[0]


def test_similarity(served):
    body = {"inputs": {"source_sentence": QUERY, "sentences": TEXTS}}
    same(served.post("/similarity", body).json(), served.vectors(TEXTS) @ served.vectors([QUERY])[0])
    asked = served.post("/similarity", body | {"parameters": {"prompt_name": "query", "truncate": None}})
    same(asked.json(), served.vectors(TEXTS, "query") @ served.vectors([QUERY], "query")[0])


def test_rerank_by_the_models_similarity_says_so(served):
    answer = served.post("/rerank", {"query": QUERY, "texts": TEXTS, "raw_scores": False, "return_text": True})
    wanted = served.similarities(QUERY, TEXTS)
    ranks = answer.json()
    assert [rank["index"] for rank in ranks] == np.argsort(-wanted, kind="stable").tolist()
    same([rank["score"] for rank in ranks], np.sort(wanted)[::-1])
    assert [rank["text"] for rank in ranks] == [TEXTS[rank["index"]] for rank in ranks]
    assert answer.headers["x-semtune-reranker"] == served.http.get("/info").json()["reranker"] == "similarity"


def test_rerank_by_the_cross_encoder(with_reranker):
    wanted = share_of_words([(QUERY, text) for text in TEXTS])
    body = {"query": QUERY, "texts": TEXTS}
    answer = with_reranker.post("/rerank", body)
    assert answer.headers["x-semtune-reranker"] == "cross-encoder"
    ranks = answer.json()
    assert all("text" not in rank for rank in ranks)
    assert [rank["index"] for rank in ranks] == sorted(range(4), key=lambda at: -wanted[at])
    assert [rank["score"] for rank in ranks] == sorted(wanted, reverse=True)
    raw = with_reranker.post("/rerank", body | {"raw_scores": True}).json()
    for rank, plain in zip(raw, ranks, strict=True):
        inside = min(max(plain["score"], 1e-15), 1 - 1e-15)
        assert rank["score"] == pytest.approx(math.log(inside / (1 - inside)), rel=1e-6)
    assert with_reranker.http.get("/info").json()["reranker"] == "cross-encoder"


def test_info_and_health(served):
    info = served.http.get("/info").json()
    assert (info["model_id"], info["max_input_length"], info["max_client_batch_size"]) == ("kettles", 64, 2048)
    assert info["model_type"] == {"embedding": {"pooling": served.encoder.contract.pooling}}
    assert info["model_sha"] == served.encoder.contract.fingerprint
    assert served.http.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "kind", "words"),
    [
        ("/embed", {}, 422, "Validation", "'inputs' is missing."),
        ("/embed", {"inputs": []}, 400, "Empty", "is an empty list"),
        ("/embed", {"inputs": ["a"] * 2049}, 413, "Validation", "the maximum is 2,048"),
        ("/embed", {"inputs": 5}, 422, "Validation", "'inputs' must be"),
        ("/embed", {"inputs": "a", "prompt_name": "code"}, 422, "Validation", "allowed are query and document"),
        ("/embed", {"inputs": "a", "normalize": False}, 422, "Validation", "not possible"),
        ("/embed", {"inputs": "a", "dimensions": 12}, 422, "Validation", "Use 24"),
        ("/embed", {"inputs": "a", "truncate": "yes"}, 422, "Validation", "'truncate'"),
        ("/embed", {"inputs": "a", "truncat": True}, 422, "Validation", "Did you mean 'truncate'?"),
        ("/embed", {"inputs": [10**6]}, 422, "Tokenizer", "no token with the id"),
        ("/embed_all", {"inputs": "a"}, 424, "Backend", "one vector for each text"),
        ("/decode", {"ids": [10**6]}, 422, "Tokenizer", "no token with the id"),
        ("/decode", {"ids": []}, 400, "Empty", "is an empty list"),
        ("/rerank", {"query": "a", "texts": []}, 400, "Empty", "is an empty list"),
        ("/rerank", {"query": "a"}, 422, "Validation", "'texts' is missing."),
        ("/rerank", {"query": "a", "texts": [LONG]}, 413, "Validation", "texts[0]"),
        ("/similarity", {"inputs": {"source_sentence": "a"}}, 422, "Validation", "'inputs'"),
    ],
)
def test_an_error_has_the_form_and_the_status_of_tei(served, path, body, status, kind, words):
    answer = served.post(path, body)
    assert (answer.status_code, answer.json()["error_type"]) == (status, kind), answer.text
    assert words in answer.json()["error"]
    assert set(answer.json()) == {"error", "error_type"}
