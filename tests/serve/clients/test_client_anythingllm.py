"""AnythingLLM 1.8 to 1.12 ("generic OpenAI" and "LocalAI" embedders): 500 texts a request, one error loses them all."""

from client_kit import TEXTS, openai_vectors, same


def test_five_hundred_texts_of_mixed_length(served):
    chunks = [f"{text} {number}" * (1 + number % 40) for number in range(125) for text in TEXTS]
    answer = served.post("/v1/embeddings", {"model": "kettles", "input": chunks, "encoding_format": "float"})
    same(openai_vectors(answer), served.vectors(chunks))


def test_two_thousand_and_forty_eight_texts_and_one_more(served):
    answer = served.post("/v1/embeddings", {"model": "kettles", "input": ["kettle"] * 2048})
    assert len(openai_vectors(answer)) == 2048
    refused = served.post("/v1/embeddings", {"model": "kettles", "input": ["kettle"] * 2049})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "input")
