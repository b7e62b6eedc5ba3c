"""n8n 1.50 to 1.110 (Embeddings OpenAI): lists models whose id contains "embed", and sends no encoding_format.

Its LangChain.js asks openai-node for vectors, which asks for base64 by itself since version 4.92.
"""

import pytest
from client_kit import TEXTS, openai_vectors, same


def test_a_listed_model_has_embed_in_its_name_and_is_answered(served):
    listed = [model["id"] for model in served.http.get("/v1/models").json()["data"] if "embed" in model["id"]]
    assert "kettles-embed" in listed
    for name in listed:
        role = "query" if name.endswith(":query") else "document"
        answer = served.post("/v1/embeddings", {"model": name, "input": TEXTS})
        same(openai_vectors(answer), served.vectors(TEXTS, role))


@pytest.mark.parametrize("asked", ["float", "base64"])
def test_the_form_that_was_asked_for_is_the_form_of_the_answer(served, asked):
    rows = served.post("/v1/embeddings", {"model": "kettles", "input": TEXTS, "encoding_format": asked}).json()["data"]
    assert {type(row["embedding"]) for row in rows} == {list if asked == "float" else str}
