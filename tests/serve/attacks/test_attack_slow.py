"""Clients that are slow, that stop in the middle, or that leave."""

import contextlib
import json
import socket
import struct
import time

import pytest
from raw_http import NoReplyError, connected, exchange, post, read_reply, request

QUESTION = b'{"query": "kettle", "k": 1}'
MANY = 300
GIVEN_UP = 25  # seconds after which a client that says nothing more must have been given up

STARTED = {
    "nothing": b"",
    "half-a-line": b"GET /hea",
    "half-a-header": b"GET /health HTTP/1.1\r\nHost: a\r\nAccept: ",
    "no-body": request("POST", "/search", headers=[("Content-Type", "application/json"), ("Content-Length", "100")]),
    "half-a-body": post("/search", b"", ("Content-Length", "100")) + b'{"query": ',
    "half-a-chunk": post("/search", b"", ("Transfer-Encoding", "chunked")) + b'a\r\n{"qu',
    "no-last-chunk": post("/search", b"", ("Transfer-Encoding", "chunked")) + b"1b\r\n" + QUESTION + b"\r\n",
}


@pytest.fixture
def crowd(attacked):
    """Opens many connections that begin with some bytes."""
    with contextlib.ExitStack() as opened:

        def gather(start):
            sockets = [opened.enter_context(connected(attacked.port)) for _ in range(MANY)]
            for each in sockets:
                each.sendall(start)
            return sockets

        yield gather


@pytest.mark.parametrize("start", STARTED.values(), ids=STARTED)
def test_many_clients_that_stop_in_the_middle_hold_up_nobody(attacked, crowd, start):
    crowd(start)
    reply = exchange(attacked.port, post("/search", QUESTION))
    assert (reply.status, len(json.loads(reply.body)["hits"])) == (200, 1)


def test_clients_that_send_a_byte_at_a_time_hold_up_nobody(attacked, crowd):
    slow = crowd(b"POST /search HTTP/1.1\r\nHost: a\r\n")
    for number in range(20):
        for each in slow:
            each.sendall(b"X" if number % 5 else b"X: y\r\n")
        assert attacked.get().status == 200


def test_clients_that_never_read_their_answers_hold_up_nobody(attacked):
    before = attacked.memory
    asked = post("/v1/embeddings", json.dumps({"input": ["lantern"] * 2_000}).encode())
    with contextlib.ExitStack() as opened:
        for _ in range(30):
            deaf = opened.enter_context(socket.socket())
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect(("127.0.0.1", attacked.port))
            deaf.settimeout(5)
            deaf.sendall(asked)
        assert exchange(attacked.port, post("/search", QUESTION)).status in {200, 429}
    assert attacked.memory - before < 60 * 1024 * 1024
    assert _calm(attacked)


def test_a_half_closed_connection_is_answered_or_closed_at_once(attacked):
    with connected(attacked.port) as connection:
        connection.sendall(post("/search", QUESTION))
        connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(NoReplyError):  # it may take it for a client that has left
            assert read_reply(connection).status == 200


def test_a_half_closed_connection_in_the_middle_of_a_body_is_closed(attacked):
    with connected(attacked.port) as connection:
        connection.sendall(STARTED["half-a-body"])
        connection.shutdown(socket.SHUT_WR)
        said = b""
        while piece := connection.recv(65_536):
            said += piece
    assert said == b"" or said.startswith(b"HTTP/1.1 4")


@pytest.mark.parametrize("start", [*STARTED.values(), post("/search", QUESTION)], ids=[*STARTED, "whole"])
def test_clients_that_leave_with_a_reset_leave_nothing_behind(attacked, start):
    for _ in range(100):
        with connected(attacked.port) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST, not FIN
            connection.sendall(start)
    assert _calm(attacked)


def _calm(attacked):
    """Whether all of a burst is soon forgotten: a search is answered, not refused as one too many."""
    deadline = time.monotonic() + 30
    while exchange(attacked.port, post("/search", QUESTION)).status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return True


@pytest.mark.slow
@pytest.mark.parametrize("start", STARTED.values(), ids=STARTED)
def test_a_client_that_stops_in_the_middle_is_given_up(attacked, start):
    with connected(attacked.port, GIVEN_UP) as connection:
        connection.sendall(start)
        said = b""
        while piece := connection.recv(65_536):  # TimeoutError if it is kept for longer
            said += piece
    assert said == b"" or said.startswith(b"HTTP/1.1 408 ")


def test_endless_headers_are_cut_off(attacked):
    before = attacked.memory
    endless = (b"H%d: %s\r\n" % (number, b"v" * 1_000_000) for number in range(100))
    with connected(attacked.port) as connection, pytest.raises(ConnectionError):
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n" + b"".join(endless))
    assert attacked.memory - before < 20 * 1024 * 1024
