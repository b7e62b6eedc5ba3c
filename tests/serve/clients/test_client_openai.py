"""openai-python 1.x to 3.x, and openai-node 4 to 6: base64 is asked for where the caller chose nothing."""

import pytest
from client_kit import BEARER, LONG, TEXTS, openai_vectors, same
from fastapi.testclient import TestClient

from semtune.serve.app import create_app
from semtune.serve.catalogue import Catalogue
from semtune.serve.catalogue import Served as Named
from semtune.serve.settings import ServeSettings


def test_openai_python_where_numpy_is_installed(served):
    body = {"input": TEXTS, "model": "kettles", "encoding_format": "base64"}
    same(openai_vectors(served.post("/v1/embeddings", body)), served.vectors(TEXTS))


def test_openai_python_without_numpy_and_curl(served):
    """No encoding_format: numbers, as the API's reference says, though the client then asks for base64 by itself."""
    same(openai_vectors(served.post("/v1/embeddings", {"input": TEXTS, "model": "kettles"})), served.vectors(TEXTS))


def test_null_is_the_default_of_every_field(served):
    nulls = dict.fromkeys(("model", "encoding_format", "dimensions", "user", "input_type", "truncate"))
    same(openai_vectors(served.post("/v1/embeddings", {"input": TEXTS, **nulls})), served.vectors(TEXTS))


@pytest.mark.parametrize("slash", ["", "/", "//"])
def test_a_slash_at_the_end_changes_nothing(served, slash):
    answer = served.post("/v1/embeddings" + slash, {"input": TEXTS})
    same(openai_vectors(answer), served.vectors(TEXTS))
    assert served.http.get("/v1/models" + slash).json()["data"][0]["id"] == "kettles"


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_an_empty_text_has_the_vector_that_the_model_gives_it(served, text):
    got = openai_vectors(served.post("/v1/embeddings", {"input": text, "model": "kettles"}))
    same(got, served.vectors([text]))
    same(openai_vectors(served.post("/v1/embeddings", {"input": [text]})), served.vectors([text]))


@pytest.mark.parametrize(
    ("body", "role"),
    [
        ({"model": "kettles"}, "document"),
        ({"model": "kettles:query"}, "query"),
        ({"model": "kettles-embed:query"}, "query"),
        ({"model": "kettles:document"}, "document"),
        ({"model": "kettles", "input_type": "query"}, "query"),
        ({"model": "kettles:query", "input_type": "query"}, "query"),
    ],
)
def test_the_role(served, body, role):
    same(openai_vectors(served.post("/v1/embeddings", {"input": TEXTS, **body})), served.vectors(TEXTS, role))


@pytest.mark.parametrize(
    ("body", "status", "param", "words"),
    [
        ({"model": "text-embedding-3-small"}, 404, "model", "is not served here. Use 'kettles'"),
        ({"model": "kettles:query", "input_type": "document"}, 400, "model", "asks for queries and for documents"),
        ({"dimensions": 12}, 400, "dimensions", "Use 24, or leave 'dimensions' out."),
        ({"encoding_format": "int8"}, 400, "encoding_format", "'float' or 'base64'"),
        ({"encodng_format": "base64"}, 400, None, "Did you mean 'encoding_format'?"),
        ({"normalize": False}, 400, None, "would change the vectors"),
        ({"input": [15339, 1917]}, 400, "input", "check_embedding_ctx_length=False"),
        ({"input": [[15339, 1917]]}, 400, "input", "--token-ids"),
    ],
)
def test_what_would_give_other_vectors_is_refused(served, body, status, param, words):
    answer = served.post("/v1/embeddings", {"input": TEXTS, **body})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (status, param)
    assert words in error["message"]


def test_fields_that_change_nothing_are_ignored_and_named(served):
    extra = {"user": "me", "safety_identifier": "x", "metadata": {"trace": 1}, "a\nb": 1}
    answer = served.post("/v1/embeddings", {"input": TEXTS, **extra})
    same(openai_vectors(answer), served.vectors(TEXTS))
    assert answer.headers["x-semtune-ignored"] == "safety_identifier, metadata"


def test_the_cut_is_counted(served):
    answer = served.post("/v1/embeddings", {"input": [TEXTS[0], LONG]})
    same(openai_vectors(answer), served.vectors([TEXTS[0], LONG]))
    assert answer.headers["x-semtune-truncated"] == "1"
    assert int(answer.headers["x-semtune-cut-tokens"]) > 0


def test_the_models_own_token_ids_where_the_operator_says_so(prompted_encoder, served):
    settings = ServeSettings(token_ids="own")
    with TestClient(create_app(Catalogue([Named("kettles", prompted_encoder)]), settings)) as http:
        tokenizer = prompted_encoder.tokenizer("document")
        ids = [tokenizer.ids(text) for text in TEXTS[:3]]
        same(openai_vectors(http.post("/v1/embeddings", json={"input": ids})), served.vectors(TEXTS[:3]))
        same(openai_vectors(http.post("/v1/embeddings", json={"input": ids[0]})), served.vectors(TEXTS[:1]))
        unknown = http.post("/v1/embeddings", json={"input": [10**6]}, headers=BEARER)
        assert "no token with the id 1000000" in unknown.json()["error"]["message"]
        within = tokenizer.ids("lantern kettle")
        wordless = http.post("/v1/embeddings", json={"input": [*within, *tokenizer.ids("東")]})
        assert wordless.status_code == 400  # an unknown token has no text that it could be made from
        assert "that no text gives" in wordless.json()["error"]["message"]
