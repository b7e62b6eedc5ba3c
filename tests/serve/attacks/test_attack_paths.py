"""Paths, queries and methods that nobody should send."""

import json
from urllib.parse import quote

import pytest
from raw_http import exchange, request

REFUSED = range(400, 500)
SECRET = b"root:"  # what /etc/passwd begins with

PATHS = {
    "up": "/../../../../etc/passwd",
    "up-encoded": "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "up-encoded-twice": "/%252e%252e/%252e%252e/etc/passwd",
    "up-backslash": "/..\\..\\etc\\passwd",
    "up-backslash-encoded": "/..%5c..%5cetc%5cpasswd",
    "up-overlong": "/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
    "up-in-a-route": "/v1/models/../../../etc/passwd",
    "up-in-a-route-encoded": "/v1/models/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "up-in-an-id": "/documents/..%2f..%2f..%2fetc%2fpasswd",
    "absolute-id": "/documents/%2fetc%2fpasswd",
    "absolute": "//etc/passwd",
    "nul": "/search%00",
    "nul-in-a-name": "/v1/models/a%00b",
    "nul-in-an-id": "/documents/a%00b",
    "newline": "/v1/models/a%0d%0aSet-Cookie:%20a=b",
    "half-escape": "/%",
    "wrong-escape": "/%zz",
    "invalid-utf-8": "/v1/models/%ff%fe",
    "lone-surrogate": "/v1/models/%ed%a0%80",
    "very-long": "/" + "a" * 20_000,
    "very-deep": "/a" * 10_000,
    "file": "/static/../../../etc/passwd",
    "dot-files": "/.git/config",
    "env": "/.env",
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_a_strange_path_is_refused_in_words(attacked, method, path):
    reply = exchange(attacked.port, request(method, path, headers=[("Connection", "close")]), method)
    assert reply.status in REFUSED, reply
    assert SECRET not in reply.body
    assert len(reply.words.split()) >= 3, reply
    assert "set-cookie" not in reply.headers


def test_a_path_in_an_error_is_cut(attacked):
    reply = exchange(attacked.port, request("GET", "/" + "a" * 20_000))
    assert reply.status in REFUSED
    assert len(reply.body) < 5_000


def test_the_route_of_an_address_with_dots_is_not_another_route(attacked):
    for path in ("/v1/../search?q=kettle", "/x/../health", "/%2e/search?q=kettle"):
        assert exchange(attacked.port, request("GET", path)).status == 404


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "BREW", "get", "A" * 3_000])
@pytest.mark.parametrize("path", ["/search", "/health", "/v1/embeddings", "/", "/openapi.json"])
def test_a_method_that_is_not_allowed_is_refused_in_words(attacked, method, path):
    reply = exchange(attacked.port, request(method, path, headers=[("Connection", "close")]), method)
    assert reply.status in REFUSED, reply
    assert len(reply.words.split()) >= 3, reply
    assert b"Cookie" not in reply.body  # TRACE would send the headers back


def test_a_refused_method_names_every_one_that_is_allowed(attacked):
    reply = exchange(attacked.port, request("DELETE", "/search"), "DELETE")
    assert reply.status == 405
    assert {each.strip() for each in reply.headers["allow"].split(",")} >= {"GET", "POST"}


@pytest.mark.parametrize("target", ["*", "http://elsewhere.example/search", "elsewhere.example:443", "search", ""])
def test_a_target_that_is_no_path_gets_an_answer(attacked, target):
    reply = exchange(attacked.port, request("OPTIONS", target, headers=[("Connection", "close")]), "OPTIONS")
    assert reply.status in REFUSED, reply


def test_a_query_string_of_a_megabyte_is_refused(attacked):
    reply = exchange(attacked.port, request("GET", "/search?q=" + "a" * 1024 * 1024))
    assert reply.status in REFUSED, reply
    assert len(reply.words.split()) >= 3


PARAMETERS = {
    "none": "",
    "blank": "q=%20",
    "twice": "q=kettle&q=lantern",
    "k-twice": "q=kettle&k=1&k=2",
    "k-billion": "q=kettle&k=1000000000",
    "k-nan": "q=kettle&k=NaN",
    "k-half": "q=kettle&k=1.5",
    "k-digits": "q=kettle&k=" + "9" * 5_000,
    "k-arabic": "q=kettle&k=" + quote("٣"),
    "min_score-nan": "q=kettle&min_score=NaN",
    "min_score-infinity": "q=kettle&min_score=Infinity",
    "invalid-utf-8": "q=%ff%fe",
    "lone-surrogate": "q=%ed%a0%80",
    "unknown": "q=kettle&top_k=1",
    "many": "&".join(f"a{n}=1" for n in range(2_000)),
    "semicolons": ";" * 1_000,
    "brackets": "q[]=kettle",
}


@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS)
def test_strange_parameters_are_refused_in_words_or_answered_as_read(attacked, parameters):
    reply = exchange(attacked.port, request("GET", "/search?" + parameters))
    if reply.status == 200:
        assert json.loads(reply.body)["query"] in {"kettle", "lantern", "\ufffd\ufffd", "\ufffd\ufffd\ufffd"}
        return
    assert reply.status in REFUSED, reply
    assert len(reply.words.split()) >= 3, reply
    assert len(reply.body) < 5_000
