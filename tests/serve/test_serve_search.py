"""The search endpoints, health, the page's headers and the application as a whole."""

import base64
import hashlib
import math
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient

from semtune.contract import Calibration
from semtune.encoders import canary
from semtune.encoders.toy import ToyEncoder
from semtune.errors import ContractError, InputError, ModelError, StorageError
from semtune.search.searcher import Searcher
from semtune.serve.app import create_app
from semtune.serve.catalogue import Catalogue
from semtune.serve.errors import ApiError
from semtune.serve.own.feedback_file import FeedbackFile
from semtune.serve.settings import ServeSettings
from semtune.serve.workers import Workers

QUESTIONS = [
    "how do I read a zip file",
    "write rows of comma separated text",
    "parse json",
    "escape html",
    "sort a list",
    "names of members",
    "objects in a string",
    "keys",
]


def expected(searcher, query, k=10):
    return [hit.as_dict() for hit in searcher.search(query, k)]


def test_post_and_get_answer_what_the_searcher_says(client, searcher):
    for question in QUESTIONS:
        posted = client.post("/search", json={"query": question, "k": 3}).json()
        got = client.get("/search", params={"q": question, "k": 3}).json()
        assert posted["hits"] == got["hits"] == expected(searcher, question, 3)
        assert posted["query"] == got["query"] == question
        assert posted["took_ms"] >= 0
    assert client.post("/search", json={"query": "read a zip file"}).json()["hits"][0]["id"] == "zip"


def test_k_defaults_to_ten_and_may_be_more_than_there_is(client, searcher):
    assert client.get("/search?q=keys").json()["hits"] == expected(searcher, "keys", 10)
    assert client.get("/search?q=keys&k=100").json()["hits"] == expected(searcher, "keys", 5)


@pytest.fixture(scope="module")
def calibrated(searcher):
    """The same answers from a model that knows what its scores mean."""
    encoder = ToyEncoder()
    encoder.contract = replace(
        encoder.contract, thresholds={"best-f1": 0.3, "p0.9": 0.5}, calibration=Calibration(10.0, -4.0, "it is")
    )
    with TestClient(create_app(Catalogue.single(encoder, Searcher(encoder, searcher.collection)))) as client:
        yield client


def test_a_minimum_score_leaves_answers_out_by_number_and_by_name(client, calibrated, searcher):
    question = "how do I read a zip file"
    scores = [hit.score for hit in searcher.search(question, 5)]
    for wanted, floor in ((0.2, 0.2), (1, 1), ("best-f1", 0.3), ("0.5", 0.5)):
        hits = calibrated.post("/search", json={"query": question, "min_score": wanted}).json()["hits"]
        assert [hit["score"] for hit in hits] == [score for score in scores if score >= floor]
        got = calibrated.get("/search", params={"q": question, "min_score": wanted}).json()["hits"]
        assert got == hits
    hits = calibrated.post("/search", json={"query": question}).json()["hits"]
    assert [hit["probability"] for hit in hits] == pytest.approx([1 / (1 + math.exp(4 - 10 * s)) for s in scores])
    assert "probability" not in client.post("/search", json={"query": question}).json()["hits"][0]


def test_a_minimum_score_that_means_nothing_is_refused(client, calibrated):
    refused = calibrated.get("/search", params={"q": "zip", "min_score": "best-f2"})
    assert (refused.status_code, refused.json()["detail"]) == (
        422,
        "'toy' has no threshold 'best-f2'. Did you mean 'best-f1'? Allowed: best-f1 (0.300), p0.9 (0.500), or a score.",
    )
    refused = client.post("/search", json={"query": "zip", "min_score": "best-f1"})
    assert "has no calibrated thresholds" in refused.json()["detail"]
    assert client.post("/search", json={"query": "zip", "min_score": "nan"}).status_code == 422
    assert client.post("/search", json={"query": "zip", "min_score": [1]}).status_code == 422


def test_text_of_any_script_comes_back_as_it_went_in(client):
    for query in ["Größe", "東京 の 天気", "مرحبا", "a\u0000b", "🙂", 'quote " and \\', "line\nbreak"]:
        assert client.post("/search", json={"query": query}).json()["query"] == query
        assert client.get("/search", params={"q": query}).json()["query"] == query


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"query": ""}, 422, "'query' is empty. Give at least one word."),
        ({"query": " \n\t\u2003"}, 422, "'query' is empty. Give at least one word."),
        ({"query": "x" * 32_769}, 413, "'query' has 32,769 characters; the limit is 32,768. Shorten the query."),
        ({}, 422, "'query' is missing."),
        ({"query": 5}, 422, "'query': input should be a valid string."),
        ({"query": "x", "k": 0}, 422, "'k': input should be greater than or equal to 1."),
        ({"query": "x", "k": 101}, 422, "'k' is 101; this server gives at most 100 hits. Ask for fewer."),
        ({"query": "x", "k": 1001}, 422, "'k': input should be less than or equal to 1000."),
        ({"query": "x", "k": True}, 422, "'k': input should be a valid integer."),
        ({"query": "x", "k": "7"}, 422, "'k': input should be a valid integer."),
        (
            {"querry": "x"},
            422,
            "Unknown field 'querry'; allowed are query, k, min_score, where, mode, group_by, diversity, explain, "
            "highlight, rerank, index. Did you mean 'query'?",
        ),
        (["x"], 422, "The body must be a JSON object, sent with the header 'Content-Type: application/json'."),
    ],
)
def test_a_bad_request_is_refused_in_words(client, body, status, words):
    answer = client.post("/search", json=body)
    assert (answer.status_code, answer.json()) == (status, {"detail": words})


def test_the_limit_itself_is_allowed(client):
    assert client.post("/search", json={"query": "x" * 32_768}).status_code == 200


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (b'{"query": ', "application/json", "The body is not valid JSON: Expecting value at character 10."),
        (b'{"query": "x"}', "text/plain", "The body must be a JSON object, sent with the header"),
        (b"", "application/json", "The body must be a JSON object, sent with the header"),
        (b'{"query": "\\ud800"}', "application/json", "'query' contains a lone surrogate"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused_in_words(client, content, kind, words):
    answer = client.post("/search", content=content, headers={"Content-Type": kind})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(words)


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/search", 422, "'q' is missing."),
        ("/search?q=", 422, "'q' is empty. Give at least one word."),
        ("/search?q=x&k=many", 422, "'k': input should be a valid integer, unable to parse string as an integer."),
        ("/search?q=x&top_k=3", 422, "Unknown field 'top_k'; allowed are q, k, min_score, where,"),
        ("/nowhere", 404, "No endpoint at /nowhere. Try /docs, /search,"),
    ],
)
def test_a_bad_address_is_refused_in_words(client, address, status, words):
    answer = client.get(address)
    assert (answer.status_code, answer.json()["detail"][: len(words)]) == (status, words)


def test_another_method_is_refused_with_the_allowed_one(client):
    answer = client.delete("/health")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert answer.json() == {"detail": "/health does not accept DELETE; use GET."}


def test_health_says_what_is_served(client, model_client):
    served = {
        "status": "ok", "model": "toy", "dimension": 64, "documents": 5, "fingerprint": "toy-64-32-", "runtime": "toy",
    }  # fmt: skip
    one = {"name": "toy", "documents": 5, "model": "toy"}
    assert client.get("/health").json() == served | {"served": [one]}
    assert model_client.get("/health").json() == served | {"documents": None, "served": [one | {"documents": None}]}


def test_a_model_alone_embeds_and_does_not_search(model_client, encoder):
    answer = model_client.post("/search", json={"query": "zip"})
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("No index is served here, only the model 'toy'")
    embedded = model_client.post("/v1/embeddings", json={"input": "zip"}).json()["data"][0]["embedding"]
    assert embedded == encoder.encode(["zip"]).vectors[0].tolist()


def test_the_encoder_is_tried_alone_and_in_a_batch_before_the_first_request(searcher):
    calls = []

    class Watched(ToyEncoder):
        def encode(self, texts, role="document", progress=None):
            calls.append((list(texts), role))
            return super().encode(texts, role, progress)

    create_app(Catalogue.single(Watched(), searcher))
    assert calls == [*(([text], "document") for text in canary.TEXTS), (list(canary.TEXTS), "document")]


def test_an_encoder_whose_vectors_depend_on_their_neighbours_is_not_served(searcher):
    class Dependent(ToyEncoder):
        def encode(self, texts, role="document", progress=None):
            made = super().encode(texts, role, progress)
            return replace(made, vectors=made.vectors + np.float32(0.3 * (len(texts) > 1)))

    with pytest.raises(ModelError, match="another vector alone than beside other texts"):
        create_app(Catalogue.single(Dependent(), searcher))


def test_an_index_of_another_model_is_refused(searcher):
    with pytest.raises(ContractError, match="Give both the same encoder"):
        create_app(Catalogue.single(ToyEncoder(salt="other"), searcher))


def test_an_error_of_the_searcher_is_told_and_a_bug_is_not_shown(searcher):
    class Failing:
        encoder = searcher.encoder
        count = 1

        def answer_many(self, queries, options):
            raise {"input": InputError("No."), "storage": StorageError("Gone.")}.get(queries[0]) or KeyError("secret")

    client = TestClient(create_app(Catalogue.single(searcher.encoder, Failing())), raise_server_exceptions=False)
    answers = [client.get("/search", params={"q": q}) for q in ("input", "storage", "bug")]
    assert [(a.status_code, a.json()["detail"]) for a in answers] == [
        (422, "No."),
        (503, "Gone."),
        (500, "Internal server error. This is a bug in Semtune; see the server log for details."),
    ]


def test_too_large_a_body_is_refused_with_and_without_an_announced_length(client, live_url):
    body = b'{"query": "' + b"x" * (2 * 1024 * 1024) + b'"}'
    words = "The request body is larger than the limit of 2,097,152 bytes. Send the texts in several requests."
    for content in (body, (body[i : i + 65_536] for i in range(0, len(body), 65_536))):
        answer = client.post("/search", content=content, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()) == (413, {"detail": words})
    chunks = (body[i : i + 65_536] for i in range(0, len(body), 65_536))
    answer = httpx.post(live_url + "/v1/embeddings", content=chunks, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["message"]) == (413, words)
    assert httpx.get(live_url + "/health").status_code == 200


def test_eight_threads_get_the_answers_of_one(live_url, searcher):
    want = {question: expected(searcher, question) for question in QUESTIONS}

    def ask(number):
        question = QUESTIONS[number % len(QUESTIONS)]
        with httpx.Client(base_url=live_url) as own:
            return question, own.post("/search", json={"query": question}).json()["hits"]

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(64)))
    assert len(answers) == 64
    for question, hits in answers:  # those computed together differ in the last bit
        assert [hit | {"score": 0} for hit in hits] == [hit | {"score": 0} for hit in want[question]]
        assert [hit["score"] for hit in hits] == pytest.approx([hit["score"] for hit in want[question]], abs=1e-6)


def test_over_the_limit_it_answers_429_and_recovers(live, searcher):
    entered, release = threading.Semaphore(0), threading.Event()

    class Slow:
        encoder = searcher.encoder
        count = 5

        def answer_many(self, queries, options):
            entered.release()
            assert release.wait(20)
            return searcher.answer_many(queries, options)

    address = live(create_app(Catalogue.single(searcher.encoder, Slow()), ServeSettings(threads=2, queue=0)))
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(httpx.get, address + "/search?q=zip", timeout=30) for _ in range(2)]
        assert entered.acquire(timeout=10)
        assert entered.acquire(timeout=10)
        search = httpx.get(address + "/search?q=zip")
        embedding = httpx.post(address + "/v1/embeddings", json={"input": "x"})
        health = httpx.get(address + "/health")
        release.set()
        answers = [each.result() for each in waiting]
    assert (search.status_code, search.headers["retry-after"]) == (429, "1")
    assert (
        search.json()["detail"] == "The server is busy: 2 requests are in progress, the maximum. Try again in 1 second."
    )
    assert (embedding.status_code, embedding.headers["retry-after"]) == (429, "1")
    error = embedding.json()["error"]
    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert health.status_code == 200
    assert [a.json()["hits"] for a in answers] == [expected(searcher, "zip")] * 2
    assert httpx.get(address + "/search?q=zip").json()["hits"] == expected(searcher, "zip")


def test_as_many_may_wait_as_the_queue_says():
    workers = Workers(threads=1, queue=2)
    with workers.admit(), workers.admit():
        with workers.admit(), pytest.raises(ApiError, match="busy: 3 requests"), workers.admit():
            pytest.fail("a fourth was admitted")
        with workers.admit():  # the third place is free again, also after the refusal
            pass


def test_the_page_allows_its_own_script_and_nothing_from_elsewhere(client):
    answer = client.get("/")
    policy = answer.headers["content-security-policy"]
    [script] = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")
    assert not re.search(r"""(src|href|action)\s*=\s*["']?(https?:)?//""", answer.text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", answer.text)
    assert client.head("/").status_code == 200


def test_the_schema_is_there_and_the_pages_from_a_cdn_are_not(client):
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/feedback", "/health", "/search", "/documents/{id}", "/v1/embeddings", "/v1/models/{name}"} <= set(paths)
    assert client.get("/redoc").status_code == 404


def test_importing_the_server_brings_neither_torch_nor_transformers():
    code = (
        "import sys, semtune.serve.app, semtune.serve.server\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'datasets'}\n"
        "print(sorted(heavy & {name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_feedback_is_appended_where_it_is_kept(searcher, tmp_path):
    import json

    file = tmp_path / "new" / "feedback.jsonl"
    with TestClient(create_app(Catalogue.single(searcher.encoder, searcher), ServeSettings(feedback=file))) as client:
        for useful in (False, True):
            answer = client.post("/feedback", json={"query": "Größe?", "id": "zip", "useful": useful})
            assert (answer.status_code, answer.json()) == (200, {"status": "stored"})
        for body, words in (
            ({"query": " ", "id": "zip", "useful": True}, "'query' is empty"),
            ({"query": "x", "id": "zip", "useful": "yes"}, "'useful': input should be a valid boolean"),
            ({"query": "x", "useful": True}, "'id' is missing"),
            ({"query": "x", "id": "zip", "useful": True, "stars": 5}, "Unknown field 'stars'"),
        ):
            refused = client.post("/feedback", json=body)
            assert (refused.status_code, words in refused.json()["detail"]) == (422, True)
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [(row["query"], row["id"], row["useful"]) for row in rows] == [
        ("Größe?", "zip", False),
        ("Größe?", "zip", True),
    ]


def test_feedback_is_refused_where_it_is_not_kept(client, tmp_path):
    answer = client.post("/feedback", json={"query": "x", "id": "zip", "useful": True})
    assert (answer.status_code, "--feedback FILE" in answer.json()["detail"]) == (404, True)
    with pytest.raises(InputError, match="is a folder"):
        FeedbackFile(tmp_path)
