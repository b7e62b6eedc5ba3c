"""langchain-openai 0.1 to 1.7: by default token ids of cl100k_base, of each text and of "" for a text without tokens."""

import base64
import hashlib

import pytest
from client_kit import TEXTS, openai_vectors, same
from fastapi.testclient import TestClient

from semtune.errors import ConfigError
from semtune.serve.app import create_app
from semtune.serve.catalogue import Catalogue, Served
from semtune.serve.dialects import token_ids
from semtune.serve.settings import ServeSettings

HELLO_WORLD = [15339, 1917]  # "hello world" in cl100k_base


def test_by_default_ids_are_refused_with_the_switch_that_helps(served):
    body = {"input": [HELLO_WORLD], "model": "kettles", "encoding_format": "base64"}
    answer = served.post("/v1/embeddings", body)
    assert answer.status_code == 400
    assert "check_embedding_ctx_length=False" in answer.json()["error"]["message"]


def test_texts_with_check_embedding_ctx_length_off(served):
    body = {"input": TEXTS, "model": "kettles", "encoding_format": "base64"}
    same(openai_vectors(served.post("/v1/embeddings", body)), served.vectors(TEXTS))


def test_the_extra_request_for_the_empty_text(served):
    body = {"input": "", "model": "kettles", "encoding_format": "base64"}
    same(openai_vectors(served.post("/v1/embeddings", body)), served.vectors([""]))


def test_ids_of_cl100k_are_decoded_where_its_vocabulary_is(prompted_encoder, served, tmp_path, monkeypatch):
    words = {0: b"a", 1: b" kettle", 2: b" on the shelf", 3: "ü".encode()[:1], 4: "ü".encode()[1:]}
    content = b"".join(base64.b64encode(word) + b" %d\n" % number for number, word in words.items())
    (tmp_path / token_ids.CL100K_FILE).write_bytes(content)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    settings = ServeSettings(token_ids="cl100k")
    catalogue = Catalogue([Served("kettles", prompted_encoder)])
    with pytest.raises(ConfigError, match="is not the vocabulary of cl100k_base"):
        create_app(catalogue, settings)
    monkeypatch.setattr(token_ids, "CL100K_SHA256", hashlib.sha256(content).hexdigest())
    with TestClient(create_app(catalogue, settings)) as http:
        got = openai_vectors(http.post("/v1/embeddings", json={"input": [[0, 1, 2], [3, 4]]}))
        same(got, served.vectors([TEXTS[0], "ü"]))
        answer = http.post("/v1/embeddings", json={"input": [9]})
        assert "9, which is no token id of cl100k_base" in answer.json()["error"]["message"]


def test_nothing_is_downloaded_where_the_vocabulary_is_missing(prompted_encoder, tmp_path, monkeypatch):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    with pytest.raises(ConfigError, match="Semtune downloads nothing"):
        create_app(Catalogue([Served("kettles", prompted_encoder)]), ServeSettings(token_ids="cl100k"))
