"""OpenAI's dialect, by hand and through the official client."""

import base64

import numpy as np
import openai
import pytest
from fastapi.testclient import TestClient

from semtune.encoders.toy import ToyEncoder
from semtune.serve.app import create_app
from semtune.serve.catalogue import Catalogue
from semtune.serve.embedding import pieces
from semtune.serve.settings import ServeSettings

TEXTS = ["read a zip file", "Größe 東京", "", "parse json"]
WORDS = ["read", "a", "zip", "file"]


class PromptedEncoder(ToyEncoder):
    """A query is another text than a document, and token ids are places in WORDS."""

    def encode(self, texts, role="document", progress=None):
        return super().encode([f"{role} {text}" for text in texts], role, progress)

    def decode(self, ids):
        return " ".join(WORDS[i] for i in ids)


@pytest.fixture
def prompted():
    encoder = PromptedEncoder()
    with TestClient(create_app(Catalogue.single(encoder))) as client:
        yield client, encoder


@pytest.fixture
def official(live_url):
    with openai.OpenAI(base_url=live_url + "/v1", api_key="none needed", max_retries=0) as client:
        yield client


def vectors_of(answer):
    assert [each["index"] for each in answer["data"]] == list(range(len(answer["data"])))
    assert {each["object"] for each in answer["data"]} == {"embedding"}
    return np.array([each["embedding"] for each in answer["data"]], dtype=np.float32)


@pytest.mark.parametrize("encoding", [None, "float", "base64"])
def test_the_official_client_gets_the_encoders_very_values(official, encoder, encoding):
    texts = [text for text in TEXTS if text]
    options = {"encoding_format": encoding} if encoding else {}
    answer = official.embeddings.create(input=texts, model="toy", **options)
    got = [
        np.frombuffer(base64.b64decode(each.embedding), "<f4") if isinstance(each.embedding, str) else each.embedding
        for each in answer.data
    ]
    np.testing.assert_array_equal(np.array(got, dtype=np.float32), encoder.encode(texts).vectors)
    assert (answer.object, answer.model) == ("list", "toy")
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (8, 8)


def test_the_official_client_reads_the_errors_and_the_models(official):
    with pytest.raises(openai.NotFoundError) as missing:
        official.embeddings.create(input="x", model="text-embedding-3-small")
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.BadRequestError, match=r"has 64 dimensions .* Use 64"):
        official.embeddings.create(input="x", model="toy", dimensions=32)
    models = official.models.list().data
    assert [model.id for model in models] == [
        "toy", "toy-embed", "toy:query", "toy:document", "toy-embed:query", "toy-embed:document",
    ]  # fmt: skip
    assert {(model.object, model.owned_by) for model in models} == {("model", "semtune")}
    assert [official.models.retrieve(model.id) for model in models] == models


def test_the_roles_official_clients_can_send_by_extra_body(prompted):
    client, encoder = prompted
    for body, role in [({}, "document"), ({"input_type": "document"}, "document"), ({"input_type": "query"}, "query")]:
        answer = client.post("/v1/embeddings", json={"input": ["zip", "csv"], **body}).json()
        np.testing.assert_array_equal(vectors_of(answer), encoder.encode(["zip", "csv"], role).vectors)


def test_null_is_the_default(prompted):
    client, encoder = prompted
    nulls = {"encoding_format": None, "input_type": None, "dimensions": None, "user": None, "model": None}
    for body in (nulls, {"encoding_format": None}, {"input_type": None}):
        answer = client.post("/v1/embeddings", json={"input": "zip", **body})
        assert answer.status_code == 200
        np.testing.assert_array_equal(vectors_of(answer.json()), encoder.encode(["zip"], "document").vectors)
    assert client.post("/v1/embeddings", json={"input": None, "input_type": None}).status_code == 400
    unknown = client.post("/v1/embeddings", json={"input": "zip", "input_typ": None})
    assert "input_typ" in unknown.json()["error"]["message"]


def test_token_ids_are_read_as_text_where_they_are_said_to_be_the_models_own():
    encoder = PromptedEncoder()
    with TestClient(create_app(Catalogue.single(encoder), ServeSettings(token_ids="own"))) as client:
        _token_ids(client, encoder)


def _token_ids(client, encoder):
    one = client.post("/v1/embeddings", json={"input": [0, 1, 2, 3]}).json()
    np.testing.assert_array_equal(vectors_of(one), encoder.encode(["read a zip file"]).vectors)
    two = client.post("/v1/embeddings", json={"input": [[2, 3], [0]]}).json()
    np.testing.assert_array_equal(vectors_of(two), encoder.encode(["zip file", "read"]).vectors)


def test_base64_is_little_endian_float32(prompted):
    client, encoder = prompted
    answer = client.post("/v1/embeddings", json={"input": "zip", "encoding_format": "base64"}).json()
    raw = base64.b64decode(answer["data"][0]["embedding"])
    assert raw == encoder.encode(["zip"]).vectors[0].astype("<f4").tobytes()


def test_truncated_texts_are_counted(client):
    long, short = "word " * 33, "word " * 32
    answer = client.post("/v1/embeddings", json={"input": [long, short, long]})
    assert answer.headers["x-semtune-truncated"] == "2"
    assert answer.json()["usage"] == {"prompt_tokens": 96, "total_tokens": 96}


def test_a_bulk_request_keeps_its_order_and_its_values(client, encoder):
    texts = [f"text {n} " + "filler " * (n % 30) for n in range(2048)]
    answer = client.post("/v1/embeddings", json={"input": texts}).json()
    np.testing.assert_array_equal(vectors_of(answer), encoder.encode(texts).vectors)


def test_pieces_hold_every_text_once_in_order():
    texts = ["a" * 100_000, "b", "c" * 3000, *["d" * 2048] * 40]
    cut = list(pieces(texts))
    assert [text for piece in cut for text in piece] == texts
    # 2048 + 1 + 2048 counted, then 5 times 2048 make 14,337; one more would be 16,385. Eight of 2048 fit exactly.
    assert [len(piece) for piece in cut] == [8, 8, 8, 8, 8, 3]


SHAPES = "'input' must be a string, a list of strings, a list of token ids, or a list of lists of token ids."
TOO_MANY = "'input' holds 2,049 texts; the maximum is 2,048. Send several requests."
EMPTY = "The model 'toy' can read nothing in input[{}], so there is no vector for it. Leave out such texts, which are empty or in letters that the model does not know."
HALF = "'input' contains a lone surrogate, which is not valid Unicode text."
ENCODINGS = "'encoding_format': input should be 'float' or 'base64'."


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        ({}, "input", "'input' is missing."),
        ({"input": ""}, "input", EMPTY.format(0)),
        ({"input": ["x", ""]}, "input", EMPTY.format(1)),
        ({"input": []}, "input", "'input' is an empty list. Give at least one text."),
        ({"input": ["x"] * 2049}, "input", TOO_MANY),
        ({"input": None}, "input", SHAPES),
        ({"input": 5}, "input", SHAPES),
        ({"input": ["x", 5]}, "input", SHAPES),
        ({"input": [True]}, "input", SHAPES),
        ({"input": [-1]}, "input", SHAPES),
        ({"input": [2**32]}, "input", SHAPES),
        ({"input": {"text": "x"}}, "input", SHAPES),
        ({"input": "x", "encoding_format": "int8"}, "encoding_format", ENCODINGS),
        ({"input": "x", "input_type": "qury"}, "input_type", "'input_type': input should be 'query' or 'document'."),
        ({"input": "x", "dimension": 64}, None, None),
        ({"input": "x", "encodng_format": "base64"}, None, None),
    ],
)  # fmt: skip
def test_a_bad_request_is_refused_as_openai_does(client, body, param, words):
    answer = client.post("/v1/embeddings", json=body)
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    if words is None:
        assert error["message"].endswith(("Did you mean 'dimensions'?", "Did you mean 'encoding_format'?"))
    else:
        assert (error["message"], error["param"]) == (words, param)


def test_errors_below_v1_are_always_in_the_dialect(client):
    for answer, status in [(client.get("/v1/nothing"), 404), (client.get("/v1/embeddings"), 405)]:
        assert answer.status_code == status
        assert answer.json()["error"]["type"] == "invalid_request_error"


def test_the_own_dimension_and_a_user_are_accepted(client, encoder):
    answer = client.post("/v1/embeddings", json={"input": "zip", "model": "toy", "dimensions": 64, "user": "me"})
    np.testing.assert_array_equal(vectors_of(answer.json()), encoder.encode(["zip"]).vectors)


@pytest.mark.parametrize("given", [b'"\\ud800"', b'["fine", "\\udfff"]'])
def test_half_a_character_is_refused(client, given):
    json_type = {"Content-Type": "application/json"}
    answer = client.post("/v1/embeddings", content=b'{"input": ' + given + b"}", headers=json_type)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, HALF)
