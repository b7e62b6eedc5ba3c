"""API keys: who is let in, by which header, to do what; and what other sites' pages may not do."""

import base64
import logging
import os
import re

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from local_index import built_index, followed

from semtune.encoders.toy import ToyEncoder
from semtune.errors import ConfigError
from semtune.serve.app import create_app
from semtune.serve.catalogue import Catalogue
from semtune.serve.key_file import KeyFile, read_keys
from semtune.serve.keys import scope_needed
from semtune.serve.settings import ServeSettings

READ, WRITE, ADMIN = "read-0123456789abcdef", "write-0123456789abcdef", "admin-0123456789abcdef"
LINES = f"# who  may  key\nreader read {READ}\n\nwriter write {WRITE}\nboss admin {ADMIN}\n"
EMBED = {"json": {"input": "kettle"}}


@pytest.fixture(scope="module")
def key_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("keys") / "keys"
    file.write_text(LINES)
    file.chmod(0o600)
    return file


@pytest.fixture(scope="module")
def guarded(tmp_path_factory, key_file):
    served = followed(built_index(tmp_path_factory.mktemp("guarded") / "index"))
    app = create_app(Catalogue([served]), ServeSettings(api_key_file=key_file, cors_origins=("https://ok.example",)))
    with TestClient(app, raise_server_exceptions=False) as made:
        yield made
    served.close()


def basic(password):
    return "Basic " + base64.b64encode(f"any:{password}".encode()).decode()


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {READ}"},
        {"Authorization": f"bearer  {READ}"},
        {"Authorization": READ},
        {"X-API-Key": READ},
        {"api-key": READ},
        {"Authorization": basic(READ)},
        {"Authorization": "", "X-API-Key": READ},
        {"Authorization": "Bearer of a proxy", "X-API-Key": READ},
    ],
)
def test_each_header_that_clients_send_lets_in(guarded, headers):
    assert guarded.post("/v1/embeddings", headers=headers, **EMBED).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer " + READ[:-1]},
        {"Authorization": "Basic !!!"},
        {"Authorization": basic("")},
        {"Authorization": basic(READ) + "x"},
        {"X-API-Key": READ.upper()},
    ],
)
def test_without_a_known_key_only_health_answers(guarded, headers):
    for method, path in every_route(guarded.app):
        answer = guarded.request(method, path, headers=headers)
        assert answer.status_code == (200 if path in ("/health", "/health/live") else 401), (method, path)
    refused = guarded.post("/v1/embeddings", headers=headers, **EMBED).json()
    assert refused["error"]["code"] == "invalid_api_key"  # OpenAI's form at OpenAI's path
    assert "API key" in guarded.get("/no-such-path", headers=headers).json()["detail"]


def routes_of(app):
    """Every route; FastAPI keeps those of a router in the router."""
    found = [one for each in app.routes for one in getattr(getattr(each, "original_router", None), "routes", [each])]
    assert len(found) > 40
    return found


def every_route(app):
    for route in routes_of(app):
        path = re.sub(r"\{\w+(:\w+)?\}", "x", route.path)
        for method in sorted(route.methods):
            yield method, path


def test_a_browser_is_asked_for_the_key_and_programs_are_not(guarded):
    page = guarded.get("/", headers={"Accept": "text/html,*/*"})
    assert page.headers["www-authenticate"].startswith("Basic ")
    assert guarded.get("/search?q=a").headers["www-authenticate"].startswith("Bearer ")


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("POST", "/search", "read"), ("GET", "/documents/a", "read"), ("POST", "/feedback", "read"),
        ("POST", "/v1/embeddings", "read"), ("PUT", "/documents/a", "write"), ("POST", "/documents", "write"),
        ("DELETE", "/documents/a", "write"), ("GET", "/admin/indexes", "admin"), ("POST", "/admin/x", "admin"),
    ],
)  # fmt: skip
def test_a_key_does_what_its_scope_says_and_no_more(guarded, method, path, needed):
    assert scope_needed(method, path) == needed
    order = ["read", "write", "admin"]
    for scope, key in zip(order, (READ, WRITE, ADMIN), strict=True):
        got = guarded.request(method, path, headers={"X-API-Key": key})
        may = order.index(scope) >= order.index(needed)
        assert (got.status_code in (401, 403)) != may, got.text
    if needed != "read":
        said = guarded.request(method, path, headers={"X-API-Key": READ}).json()["detail"]
        assert said.startswith("The key 'reader' may read only")
        assert READ not in said


def test_every_route_that_changes_something_is_classified(guarded):
    reading = {"/search", "/v1/embeddings", "/feedback", "/classify", "/topics", "/recommend"}
    for route in routes_of(guarded.app):
        if isinstance(route, APIRoute) and route.methods - {"GET", "HEAD"}:
            method = min(route.methods)
            known = route.path in reading or scope_needed(method, route.path) != "read" or reads_only(route.path)
            assert known, f"{method} {route.path}: add it to semtune.serve.keys, or here if it changes nothing"


def reads_only(path):
    """Paths of the dialects: embeddings, reranking and tokens."""
    words = {"", "embed", "embed_all", "rerank", "similarity", "tokenize", "decode"}
    return path.strip("/").split("/")[-1] in words or path.startswith("/tei/")


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"Origin": "http://testserver"}, True),
        ({"Origin": "http://proxy.example", "Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "https://ok.example", "Sec-Fetch-Site": "cross-site"}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
    ],
)
def test_another_sites_page_cannot_write_with_the_browsers_password(guarded, headers, allowed):
    sent = {"Authorization": basic(ADMIN), **headers}
    done = guarded.put("/documents/csrf", json={"text": "a"}, headers=sent)
    assert done.status_code == (200 if allowed else 403), done.text
    assert guarded.post("/feedback", json={}, headers=sent).status_code == (422 if allowed else 403)
    assert guarded.post("/admin/indexes/toy/reload", headers=sent).status_code == (200 if allowed else 403)


def test_cors_is_for_the_named_sites_only(guarded):
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    ok = guarded.options("/search", headers={"Origin": "https://ok.example", **asked})
    assert (ok.status_code, ok.headers["access-control-allow-origin"]) == (200, "https://ok.example")
    other = guarded.options("/search", headers={"Origin": "https://evil.example", **asked})
    assert "access-control-allow-origin" not in other.headers
    with TestClient(create_app(Catalogue.single(ToyEncoder()))) as plain:
        assert (
            "access-control-allow-origin" not in plain.get("/health", headers={"Origin": "https://ok.example"}).headers
        )


def test_keys_are_read_again_when_the_file_changes_and_kept_when_it_breaks(tmp_path, caplog):
    file = tmp_path / "keys"
    file.write_text(LINES)
    keys = KeyFile(file)
    assert keys.find([READ.encode()]).name == "reader"
    new = "new-0123456789abcdef"
    file.write_text(f"later write {new}\n")
    assert keys.find([READ.encode()]) is None
    assert keys.find([b"nothing", new.encode()]).scope == "write"
    file.write_text(f"broken {new}\n")
    with caplog.at_level(logging.WARNING):
        assert keys.find([new.encode()]).name == "later"
    assert "has 2 words" in caplog.text
    file.unlink()
    assert keys.find([new.encode()]).name == "later"
    assert new not in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no API key"),
        ("# only a comment\n", "has no API key"),
        ("a read\n", "keys:1 has 2 words"),
        (f"\na raed {READ}\n", "keys:2: the second word is no scope.*Did you mean 'read'"),
        ("a read short\n", "has 5 characters; at least 16"),
        (f"a read {READ}\na write {WRITE}\n", "the same name"),
        (f"a read {READ}\nb write {READ}\n", "the same key"),
    ],
)
def test_a_file_of_keys_that_is_wrong_is_refused_without_showing_a_key(tmp_path, text, message):
    file = tmp_path / "keys"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message) as refused:
        read_keys(file)
    assert not any(key in str(refused.value) for key in (READ, WRITE))


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX")
def test_a_file_that_others_can_read_is_warned_of(tmp_path, key_file):
    assert KeyFile(key_file).warning == ""
    file = tmp_path / "keys"
    file.write_text(LINES)
    file.chmod(0o644)
    assert f"chmod 600 {file}" in KeyFile(file).warning


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot be read \(No such file"):
        read_keys(tmp_path / "none")


def test_keys_are_in_no_log_and_no_answer(guarded, caplog):
    with caplog.at_level(logging.DEBUG):
        for path in ("/", "/search", "/documents/%ff", "/admin/indexes/none"):
            answer = guarded.put(path, headers={"Authorization": f"Bearer {ADMIN}"}, content=b"{")
            assert ADMIN not in answer.text
            assert ADMIN not in str(answer.headers)
    assert ADMIN not in caplog.text
