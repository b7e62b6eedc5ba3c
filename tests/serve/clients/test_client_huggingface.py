"""huggingface_hub 0.20 to 2.4 (InferenceClient), and langchain-huggingface before 1.2, which allows no address any more.

Given an address, it posts to that address itself and adds no path.
"""

import pytest
from client_kit import QUERY, TEXTS, same


@pytest.mark.parametrize("address", ["/", "/embed", "/tei/kettles"])
def test_feature_extraction(served, address):
    same(served.post(address, {"inputs": TEXTS}).json(), served.vectors(TEXTS))
    one = served.post(address, {"inputs": QUERY, "normalize": True, "prompt_name": "query", "truncate": True})
    same(one.json(), served.vectors([QUERY], "query"))


def test_sentence_similarity(served):
    body = {"inputs": {"source_sentence": QUERY, "sentences": TEXTS}}
    same(served.post("/similarity", body).json(), served.vectors(TEXTS) @ served.vectors([QUERY])[0])


def test_the_page_is_still_at_the_root(served):
    assert served.http.get("/").headers["content-type"].startswith("text/html")
