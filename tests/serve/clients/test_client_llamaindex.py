"""LlamaIndex: TextEmbeddingsInference 0.2 to 0.6 (raw Authorization before 0.5), OpenAILikeEmbedding 0.1 to 0.4."""

import pytest
from client_kit import LONG, TEXTS, openai_vectors, same

RAW = {"Authorization": "secret", "Content-Type": "application/json"}  # no "Bearer"


def test_texts_are_cut_and_the_cut_is_counted(served):
    answer = served.post("/embed", {"inputs": [*TEXTS, LONG], "truncate": True}, RAW)
    same(answer.json(), served.vectors([*TEXTS, LONG]))
    assert answer.headers["x-semtune-truncated"] == "1"


@pytest.mark.parametrize("body", [{"inputs": [], "truncate": True}, {"inputs": [LONG], "truncate": False}])
def test_an_error_is_no_list_since_the_client_never_looks_at_the_status(served, body):
    answer = served.post("/embed", body, RAW)
    assert answer.status_code in (400, 413)
    with pytest.raises(KeyError):  # what the client does with the answer of one text
        answer.json()[0]


def test_openai_like_embedding(served):
    body = {"input": TEXTS, "model": "kettles", "encoding_format": "base64"}
    same(openai_vectors(served.post("/v1/embeddings", body)), served.vectors(TEXTS))
