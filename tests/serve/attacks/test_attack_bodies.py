"""Bodies that are not what they should be: each is refused in words, on every route that takes a body."""

import gzip
import json
import zlib

import httpx
import pytest
from raw_http import exchange, post, request

MIB = 1024 * 1024
REFUSED = range(400, 500)

BROKEN = {
    "empty": b"",
    "half": b'{"query": "kettle"',
    "not-json": b"query=kettle&k=3",
    "xml": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    "two-values": b'{"query": "kettle"} {"query": "lantern"}',
    "invalid-utf-8": b'{"query": "\xff\xfe\xfa", "input": "\xff", "inputs": "\xff", "text": "\xff"}',
    "overlong-utf-8": b'{"query": "\xc0\xaf"}',
    "utf-16-half": '{"query": "kettle"'.encode("utf-16"),
    "raw-nul": b'{"query": "a\x00b"}',
    "nul-alone": b"\x00",
    "number": b"1",
    "null": b"null",
    "list": b"[]",
    "text": b'"kettle"',
    "nan": b'{"query": NaN, "input": NaN, "inputs": NaN, "texts": NaN, "documents": NaN, "id": NaN}',
    "deep-lists": b"[" * 10_000 + b"]" * 10_000,
    "deep-objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "deep-unclosed": b"[" * 100_000,
    "deep-where": b'{"query": "kettle", "where": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001,
    "deep-input": b'{"input": ' + b"[" * 10_000 + b'"a"' + b"]" * 10_000 + b"}",
    "lone-surrogate": b'{"query": "\\ud800", "input": "\\ud800", "inputs": "\\ud800", "texts": ["\\ud800"]}',
    "thousands-of-fields": json.dumps({f"field{n}": n for n in range(20_000)}).encode(),
    "integer-of-10000-digits": b'{"query": "kettle", "k": ' + b"9" * 10_000 + b"}",
    "prototype": b'{"__proto__": {"query": "kettle"}, "constructor": 1}',
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_a_broken_body_is_refused_in_words_everywhere(attacked, operations, body):
    assert len(operations) >= 3
    for method, path in operations:
        reply = exchange(attacked.port, request(method, path, body, [("Content-Type", "application/json")]))
        assert reply.status in REFUSED, (method, path, reply)
        assert len(reply.words.split()) >= 3, (method, path, reply)
        assert len(reply.body) < 5_000, (method, path, len(reply.body))


WRONG_VALUES = {
    "query-number": {"query": 1},
    "query-list": {"query": ["kettle"]},
    "query-object": {"query": {"a": 1}},
    "query-null": {"query": None},
    "query-true": {"query": True},
    "query-blank": {"query": " \t\n"},
    "query-of-100000": {"query": "a" * 100_000},
    "k-billion": {"query": "kettle", "k": 10**9},
    "k-zero": {"query": "kettle", "k": 0},
    "k-negative": {"query": "kettle", "k": -1},
    "k-beyond-64-bits": {"query": "kettle", "k": 2**64},
    "k-text": {"query": "kettle", "k": "3"},
    "k-true": {"query": "kettle", "k": True},
    "k-half": {"query": "kettle", "k": 2.5},
    "min_score-word": {"query": "kettle", "min_score": "best"},
    "min_score-list": {"query": "kettle", "min_score": [0.5]},
    "mode": {"query": "kettle", "mode": "magic"},
    "mode-list": {"query": "kettle", "mode": ["dense"]},
    "diversity": {"query": "kettle", "diversity": 2},
    "rerank-billion": {"query": "kettle", "rerank": 10**9},
    "rerank-without-one": {"query": "kettle", "rerank": 5},
    "group_by-unknown": {"query": "kettle", "group_by": "nowhere"},
    "where-list": {"query": "kettle", "where": [1]},
    "where-number": {"query": "kettle", "where": 1},
    "where-sql": {"query": "kettle", "where": "n=1; drop table documents"},
    "where-quote": {"query": "kettle", "where": "n='"},
    "where-unknown": {"query": "kettle", "where": {"nowhere": 1}},
    "where-operator": {"query": "kettle", "where": {"n": {"$gt": 1}}},
    "where-nested": {"query": "kettle", "where": {"n": {">": {">": {">": 1}}}}},
    "index-unknown": {"query": "kettle", "index": "../../etc/passwd"},
    "unknown-field": {"query": "kettle", "top_k": 3},
}


@pytest.mark.parametrize("body", WRONG_VALUES.values(), ids=WRONG_VALUES)
def test_a_wrong_value_of_a_search_is_refused_in_words(attacked, body):
    reply = exchange(attacked.port, post("/search", json.dumps(body).encode()))
    assert reply.status in REFUSED, reply
    assert len(reply.words.split()) >= 3, reply


ENDLESS = [b"Infinity", b"-Infinity", b"1e999", b"-1e999"]


@pytest.mark.parametrize(
    ("field", "number"),
    [(field, number) for field in (b"k", b"diversity", b"rerank", b"min_score") for number in (b"NaN", *ENDLESS)],
)
def test_a_number_that_is_none_is_refused(attacked, field, number):
    reply = exchange(attacked.port, post("/search", b'{"query": "kettle", "' + field + b'": ' + number + b"}"))
    assert reply.status in REFUSED, reply


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"1e999", b"9" * 400, b"9" * 5_000])
def test_a_number_that_is_none_is_refused_in_a_filter(attacked, number):
    reply = exchange(attacked.port, post("/search", b'{"query": "kettle", "where": {"n": {">": ' + number + b"}}}"))
    assert reply.status in REFUSED or json.loads(reply.body)["hits"] == [], reply


def test_nul_and_control_characters_in_a_query_are_characters_like_others(attacked):
    for text in ("kettle\x00lantern", "\x01\x02kettle\x7f", "\u202ekettle\ufeff", "kettle" + "\u0301" * 5_000):
        reply = exchange(attacked.port, post("/search", json.dumps({"query": text}).encode()))
        assert reply.status in {200, 422}, reply
        if reply.status == 200:
            assert json.loads(reply.body)["query"] == text


def test_of_a_duplicated_key_one_value_counts_and_the_answer_says_which(attacked):
    reply = exchange(attacked.port, post("/search", b'{"query": "lantern", "query": "kettle", "k": 1, "k": 2}'))
    answered = json.loads(reply.body)
    assert reply.status in REFUSED or (answered["query"], len(answered["hits"])) == ("kettle", 2)


def test_a_body_of_100_mb_is_refused_before_it_was_read(attacked):
    before = attacked.memory
    piece = b"a" * MIB
    head = post("/search", b"", ("Content-Length", str(100 * MIB)))
    reply = exchange(attacked.port, [head, b'{"query": "', *[piece] * 100])
    assert reply.status == 413
    assert "2,097,152 bytes" in reply.words
    assert attacked.memory - before < 20 * MIB


def test_a_chunked_body_of_100_mb_is_refused_when_the_limit_is_passed(attacked):
    before = attacked.memory
    chunk = b"100000\r\n" + b"a" * MIB + b"\r\n"
    head = post("/search", b"", ("Transfer-Encoding", "chunked"))
    reply = exchange(attacked.port, [head, *[chunk] * 100, b"0\r\n\r\n"])
    assert reply.status == 413
    assert "2,097,152 bytes" in reply.words
    assert attacked.memory - before < 20 * MIB


def test_a_hundred_large_bodies_leave_no_memory_behind(attacked):
    body = json.dumps({"input": "lantern " * 250_000}).encode()  # just under the limit

    def send():
        assert exchange(attacked.port, post("/v1/embeddings", b"[" + body)).status in REFUSED
        assert exchange(attacked.port, post("/search", body)).status in REFUSED
        assert exchange(attacked.port, post("/search", b"\x00" * 3 * MIB)).status == 413

    for _ in range(3):  # what the first ones allocate is kept by the allocator
        exchange(attacked.port, post("/v1/embeddings", body), timeout=60)  # two megabytes are split into tokens
        send()
    before = attacked.memory
    for _ in range(30):
        send()
    assert attacked.memory - before < 20 * MIB


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [("gzip", gzip.compress(b'{"query": "' + b"a" * 100 * MIB)), ("deflate", zlib.compress(b" " * 100 * MIB))],
    ids=["gzip", "deflate"],
)
def test_a_bomb_is_not_unpacked(attacked, encoding, packed):
    assert len(packed) < 200_000
    before = attacked.memory
    reply = exchange(attacked.port, post("/search", packed, ("Content-Encoding", encoding)))
    assert reply.status in REFUSED, reply
    assert len(reply.words.split()) >= 3
    assert attacked.memory - before < 20 * MIB


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "identity, gzip", "gzip, gzip", "nonsense"])
def test_an_encoding_that_is_not_read_is_refused(attacked, encoding):
    reply = exchange(attacked.port, post("/search", b"\x1f\x8b\x08\x00" * 20, ("Content-Encoding", encoding)))
    assert reply.status in REFUSED, reply


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "image/png", "", "\x7f", "a" * 5_000],
)
def test_json_under_another_name_is_refused_or_read_as_json(attacked, kind):
    # A form of another origin may send these kinds without asking first, so they must not be read as JSON.
    reply = exchange(attacked.port, post("/search", b'{"query": "kettle"}', ("Content-Type", kind)))
    assert reply.status in REFUSED, reply


def test_openapi_names_every_route_that_the_attacks_try(attacked, operations):
    described = httpx.get(attacked.url + "/openapi.json").json()["paths"]
    assert {"/search", "/v1/embeddings", "/feedback"} <= set(described)
    assert ("POST", "/search") in operations


def test_very_many_unknown_fields_are_refused_without_comparing_each(attacked):
    fields = {"input": "kettle"} | {f"encoding_forma{number}": 1 for number in range(20_000)}
    reply = exchange(attacked.port, post("/v1/embeddings", json.dumps(fields).encode()))
    assert reply.status == 400
    assert "20,000 unknown fields" in reply.words
