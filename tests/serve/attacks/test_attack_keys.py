"""With keys, every route asks for one: those of the OpenAPI document and those that it does not name."""

import base64
import json
import secrets
import shutil

import httpx
import pytest
from attacked_server import serve, stop
from raw_http import exchange, request

OPEN = {"/health", "/health/live"}
HIDDEN = [
    ("GET", "/"), ("HEAD", "/"), ("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/metrics"), ("GET", "/redoc"),
    ("GET", "/page/state"), ("GET", "/page/map"), ("POST", "/page/search"), ("GET", "/nowhere"), ("OPTIONS", "/search"),
    ("POST", "/"), ("GET", "/documents/a%2Fb"), ("GET", "//search"), ("GET", "/search/"), ("GET", "/health/x"),
    ("GET", "/health/../search"), ("GET", "/HEALTH"), ("GET", "/v1/models/"), ("PUT", "/documents/health"),
    ("GET", "/documents//health"), ("TRACE", "/search"), ("GET", "/health%2f..%2fsearch"), ("GET", "/health;/search"),
]  # fmt: skip
KEYS = {scope: f"{scope}-{secrets.token_hex(16)}" for scope in ("read", "write", "admin")}


@pytest.fixture(scope="module")
def locked(small_index, tmp_path_factory):
    """A server with three keys, on a copy of the index."""
    folder = tmp_path_factory.mktemp("locked")
    shutil.copytree(small_index, folder / "index")
    keys = folder / "keys"
    keys.write_text("".join(f"{scope}-name {scope} {key}\n" for scope, key in KEYS.items()))
    keys.chmod(0o600)
    flags = ["--api-key-file", str(keys), "--feedback", str(folder / "feedback.jsonl"), "--log", "json"]
    server = serve(folder / "index", folder / "log", *flags)
    yield server
    stop(server)


@pytest.fixture(scope="module")
def routes(locked):
    """(method, path) of every route of the OpenAPI document, and of those that it does not name."""
    described = httpx.get(locked.url + "/openapi.json", headers={"authorization": f"Bearer {KEYS['admin']}"}).json()
    named = [
        (method.upper(), path.replace("{id}", "d1").replace("{name}", "attacked"))
        for path, methods in described["paths"].items()
        for method in methods
    ]
    assert len(named) > 20
    return [*named, *HIDDEN]


def ask(server, method, path, *headers, body=b"{}"):
    kind = ("Content-Type", "application/json")
    return exchange(server.port, request(method, path, body, [kind, ("Connection", "close"), *headers]), method)


WITHOUT = {
    "none": [],
    "empty": [("Authorization", "")],
    "bearer-alone": [("Authorization", "Bearer ")],
    "wrong": [("Authorization", "Bearer " + "a" * 37)],
    "a-part": [("Authorization", "Bearer " + KEYS["admin"][:-1])],
    "longer": [("Authorization", "Bearer " + KEYS["admin"] + "a")],
    "other-case": [("Authorization", "Bearer " + KEYS["admin"].upper())],
    "name": [("X-API-Key", "admin-name")],
    "line": [("X-API-Key", f"admin-name admin {KEYS['admin']}")],
    "basic": [("Authorization", "Basic " + base64.b64encode(b"admin:admin").decode())],
    "nul": [("Authorization", "Bearer " + KEYS["admin"][:5] + "\xff")],
    "long": [("X-API-Key", "a" * 8_000)],
}


@pytest.mark.parametrize("headers", WITHOUT.values(), ids=WITHOUT)
def test_without_a_known_key_only_health_answers(locked, routes, headers):
    for method, path in routes:
        reply = ask(locked, method, path, *headers)
        if path in OPEN and method == "GET":
            assert reply.status == 200
            continue
        assert reply.status in (400, 401, 404, 405), (method, path, reply)
        assert reply.status == 401 or path not in dict.fromkeys(each for _, each in routes[: -len(HIDDEN)]), (
            method,
            path,
        )
        assert b"kettle" not in reply.body
        assert b"/documents" not in reply.body, "an answer without a key must not say what there is"


def test_a_read_key_writes_nothing_and_looks_after_nothing(locked, routes):
    before = locked_count(locked)
    reading = ("Authorization", f"Bearer {KEYS['read']}")
    for method, path in routes:
        writes = method in ("PUT", "PATCH", "DELETE") or (method == "POST" and path == "/documents")
        if writes or path.startswith("/admin"):
            assert ask(locked, method, path, reading).status == 403, (method, path)
    assert locked_count(locked) == before
    assert ask(locked, "POST", "/search", reading, body=b'{"query": "kettle"}').status == 200


def test_a_write_key_writes_and_looks_after_nothing(locked, routes):
    writing = ("X-API-Key", KEYS["write"])
    made = ask(locked, "PUT", "/documents/new", writing, body=b'{"text": "A new anvil."}')
    assert (made.status, json.loads(made.body)["added"]) == (200, 1)
    for method, path in routes:
        if path.startswith("/admin"):
            assert ask(locked, method, path, writing).status == 403, (method, path)
    assert ask(locked, "DELETE", "/documents/new", writing).status == 200


def locked_count(server):
    reading = ("Authorization", f"Bearer {KEYS['read']}")
    reply = ask(server, "POST", "/search", reading, body=b'{"query": "kettle lantern", "k": 100}')
    return [hit["id"] for hit in json.loads(reply.body)["hits"]]


def test_keys_are_never_in_the_log_or_in_an_answer(locked, routes):
    carried = [
        [("Authorization", f"Bearer {KEYS['read']}")],
        [("Authorization", KEYS["read"])],
        [("X-API-Key", KEYS["write"] + "x")],
        [("Authorization", "Basic " + base64.b64encode(f"me:{KEYS['read']}".encode()).decode())],
    ]
    for headers in carried:
        for method, path in [*routes, ("GET", f"/search?q=kettle&api_key={KEYS['read']}")]:
            if path.startswith("/admin") and method != "GET":
                continue
            reply = ask(locked, method, path, *headers)
            if KEYS["read"] not in path:
                assert not any(key.encode() in reply.body for key in KEYS.values())
    said = locked.log.read_text()
    assert said.count("\n") > 50
    assert not any(key in said for key in KEYS.values())
