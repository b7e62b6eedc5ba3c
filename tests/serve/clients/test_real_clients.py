"""The real client packages, in an environment of their own: they would change the versions that are pinned here.

    python -m venv clients; clients/bin/pip install openai cohere huggingface_hub langchain-openai langchain-cohere \
        llama-index-embeddings-text-embeddings-inference llama-index-embeddings-openai-like \
        haystack-ai litellm
    SEMTUNE_CLIENTS_PYTHON=clients/bin/python python -m pytest -m slow tests/serve/clients
"""

import json
import os
import subprocess
from pathlib import Path

import pytest
from client_kit import QUERY, TEXTS, same

from semtune.serve.app import create_app
from semtune.serve.catalogue import Catalogue, Served
from semtune.serve.settings import ServeSettings

PYTHON = os.environ.get("SEMTUNE_CLIENTS_PYTHON", "")
SCRIPT = Path(__file__).with_name("real_clients.py")
CLIENTS = (
    "openai_python", "langchain_openai", "langchain_cohere", "llamaindex_tei",
    "llamaindex_openai_like", "haystack", "huggingface_hub", "cohere_v1", "cohere_v2", "litellm_openai",
)  # fmt: skip
RERANKERS = ("langchain_cohere", "cohere_v1", "cohere_v2")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason="SEMTUNE_CLIENTS_PYTHON names no interpreter with the client packages"),
]


def ask(name, url):
    asked = json.dumps({"texts": TEXTS, "query": QUERY})
    environment = os.environ | {"no_proxy": "127.0.0.1", "PYTHONPATH": "", "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [PYTHON, SCRIPT, name, url], input=asked, capture_output=True, text=True, timeout=200, env=environment
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def url(live, model_app):
    return live(model_app)


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_gets_the_encoders_vectors(served, url, name):
    got = ask(name, url)
    same(got["documents"], served.vectors(TEXTS))
    same(got["query"], served.vectors([QUERY], "query")[0])
    if name in RERANKERS:
        same([got["scores"][str(place)] for place in range(4)], served.similarities(QUERY, TEXTS))
    if name == "huggingface_hub":
        same(got["similar"], served.vectors(TEXTS) @ served.vectors(TEXTS[:1])[0])


def test_litellm_reranks_by_every_route(served, url):
    for scores in ask("litellm_rerank", url)["scores"].values():
        same([scores[str(place)] for place in range(4)], served.similarities(QUERY, TEXTS))


def test_langchain_is_told_of_the_switch_for_token_ids(url):
    with pytest.raises(AssertionError, match="check_embedding_ctx_length=False"):
        ask("langchain_openai_with_ids", url)


def test_langchains_token_ids_are_read_where_the_operator_says_so(served, live, prompted_encoder, monkeypatch):
    find = "import litellm, pathlib; print(pathlib.Path(litellm.__file__).parent / 'litellm_core_utils' / 'tokenizers')"
    found = subprocess.run([PYTHON, "-c", find], capture_output=True, text=True, timeout=200, check=True)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", found.stdout.strip())
    app = create_app(Catalogue([Served("kettles", prompted_encoder)]), ServeSettings(token_ids="cl100k"))
    got = ask("langchain_openai_with_ids", live(app))
    same(got["documents"], served.vectors(TEXTS))
    same(got["query"], served.vectors([QUERY], "query")[0])


def test_no_error_becomes_a_vector_in_llamaindex(url):
    for name, outcome in ask("llamaindex_tei_errors", url).items():
        assert "raised" in outcome, name
