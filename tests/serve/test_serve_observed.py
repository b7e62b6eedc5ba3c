"""What an operator sees: metrics, the log, ids of requests, traces. Never texts, unless they are asked for."""

import io
import json
import logging

import pytest
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from semtune.serve import logs
from semtune.serve.app import create_app
from semtune.serve.catalogue import Catalogue
from semtune.serve.settings import ServeSettings
from semtune.serve.tracing import NoTracing, OpenTelemetry, tracing

SECRET = "zip file of a secret"


@pytest.fixture
def lines(monkeypatch):
    """Turn on the log, in a form; gives the lines so far."""
    access = logging.getLogger("semtune.access")
    out, handler = io.StringIO(), None

    def start(form):
        nonlocal handler
        handler = logging.StreamHandler(out)
        handler.setFormatter(logs.JsonLines() if form == "json" else logs.TextLines())
        monkeypatch.setattr(access, "level", logging.INFO)
        access.addHandler(handler)
        access.manager._clear_cache()
        return lambda: out.getvalue().splitlines()

    yield start
    access.removeHandler(handler)
    access.manager._clear_cache()


def client_of(searcher, traces=None, **settings):
    app = create_app(Catalogue.single(searcher.encoder, searcher), ServeSettings(**settings), traces=traces)
    return TestClient(app, raise_server_exceptions=False)


def samples(client):
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}


def test_requests_texts_and_failures_are_counted_by_the_names_of_tei(searcher):
    client = client_of(searcher)
    before = samples(client)
    client.get("/search", params={"q": "zip"})
    client.post("/v1/embeddings", json={"input": ["zip file", "csv"]})
    client.post("/v1/embeddings", json={"input": []})
    client.get("/nothing/" + "x" * 50)
    after = samples(client)
    rose = {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key, 0)}

    assert rose["te_request_count", (("method", "single"),)] == 2
    assert rose["te_request_count", (("method", "batch"),)] == 1
    assert rose["te_request_success", (("method", "single"),)] == 1
    assert rose["te_request_success", (("method", "batch"),)] == 1
    assert rose["te_request_failure", (("err", "validation"),)] == 1
    assert rose["te_embed_count", ()] == 2
    assert rose["te_batch_next_size_sum", ()] == 2
    assert rose["te_batch_next_size_count", ()] == 1
    assert rose["te_batch_next_tokens_sum", ()] == searcher.encoder.encode(["zip file", "csv"]).tokens
    assert rose["te_request_duration_count", ()] == 2
    assert rose["te_request_duration_sum", ()] >= rose["te_request_inference_duration_sum", ()] > 0
    assert after["te_queue_size", ()] == 0
    assert rose["semtune_search_stage_seconds_count", (("stage", "encode"),)] == 1
    assert after["semtune_documents", (("name", "toy"),)] == searcher.count
    assert rose["semtune_http_requests_total", (("method", "GET"), ("route", "other"), ("status", "404"))] == 1
    assert not [name for name, _ in after if name.endswith("_created")]


def test_a_line_of_json_for_each_request_without_its_texts(searcher, lines):
    read = lines("json")
    client = client_of(searcher)
    given = client.get(
        "/search", params={"q": SECRET}, headers={"X-Request-ID": "mine-1", "Authorization": "Bearer k3y"}
    )
    client.post("/v1/embeddings", json={"input": [SECRET, "csv"]})
    client.get("/health")  # asked by machines every few seconds
    first, second = map(json.loads, read())
    assert given.headers["x-request-id"] == "mine-1"
    assert first | {"time": 0, "ms": 0, "queue_ms": 0} == {
        "time": 0,
        "level": "info",
        "logger": "semtune.access",
        "message": "request",
        "request_id": "mine-1",
        "method": "GET",
        "path": "/search",
        "status": 200,
        "ms": 0,
        "queue_ms": 0,
        "model": "toy",
        "texts": 1,
    }
    assert (second["path"], second["texts"], second["status"]) == ("/v1/embeddings", 2, 200)
    assert 0 <= first["queue_ms"] <= first["ms"]
    assert not any(word in "\n".join(read()) for word in ("secret", "k3y"))


def test_queries_are_logged_only_if_asked_for(searcher, lines):
    read = lines("json")
    client_of(searcher, log_texts=True).get("/search", params={"q": SECRET})
    assert json.loads(read()[0])["queries"] == [SECRET]


def test_the_log_for_people(searcher, lines):
    read = lines("text")
    client_of(searcher).get("/search%0A2026", params={"q": SECRET}, headers={"X-Request-ID": "mine-2"})
    client_of(searcher).get("/search", params={"q": SECRET}, headers={"X-Request-ID": "mine-3"})
    forged, plain = read()
    assert "INFO    GET /search\\n2026 404 in " in forged
    assert plain.partition(" INFO    ")[2].startswith("GET /search 200 in ")
    assert plain.endswith(" ms, 1 text by toy [mine-3]")


@pytest.mark.parametrize("bad", ["", "a b", "x" * 129, 'a"b', "ü"])
def test_an_id_that_cannot_stand_in_a_log_is_replaced(client, bad):
    given = client.get("/health", headers={"X-Request-ID": bad.encode()})
    assert len(given.headers["x-request-id"]) == 32


def test_errors_have_the_id_of_their_request(searcher):
    class Failing:
        encoder, count, close = searcher.encoder, 1, lambda self: None

        def answer_many(self, queries, options):
            raise RuntimeError

    client = client_of(searcher)
    missing = client.get("/nothing", headers={"X-Request-ID": "mine-4"})
    app = create_app(Catalogue.single(searcher.encoder, Failing()))
    broken = TestClient(app, raise_server_exceptions=False).get(
        "/search", params={"q": "zip"}, headers={"X-Request-ID": "mine-5"}
    )
    assert (missing.status_code, missing.headers["x-request-id"]) == (404, "mine-4")
    assert (broken.status_code, broken.headers["x-request-id"]) == (500, "mine-5")


def test_a_span_for_each_request_a_child_of_the_callers(searcher):
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    client = client_of(searcher, OpenTelemetry(provider))
    client.get("/search", params={"q": SECRET}, headers={"traceparent": parent, "X-Request-ID": "mine-6"})
    client.get("/nothing")
    found, missing = kept.get_finished_spans()
    assert found.name == "GET /search"
    assert (f"{found.context.trace_id:032x}", f"{found.parent.span_id:016x}") == (parent[3:35], parent[36:52])
    assert found.attributes["http.response.status_code"] == 200
    assert found.attributes["semtune.request_id"] == "mine-6"
    assert found.attributes["semtune.compute_ms"] > 0
    assert missing.name == "GET other"
    assert "secret" not in str([span.to_json() for span in (found, missing)])


def test_nothing_is_traced_unless_an_endpoint_is_named(monkeypatch):
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    assert isinstance(tracing(), NoTracing)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    assert isinstance(tracing(), OpenTelemetry)
