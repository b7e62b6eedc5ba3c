"""Connections before there is a request: slow clients, headers without end, and a server that is starting."""

import socket
import threading
import time

import httpx
import pytest

from semtune.encoders.toy import ToyEncoder
from semtune.serve.app import create_app
from semtune.serve.catalogue import Catalogue
from semtune.serve.connection_guard import GuardedConnection
from semtune.serve.ready import Ready
from semtune.serve.server import listen, uvicorn_server


@pytest.fixture
def guarded():
    """Start an application with the server of the command; gives its port."""
    started = []

    def start(app):
        listener = listen("127.0.0.1", 0)
        server = uvicorn_server(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        port = listener.getsockname()[1]
        thread.start()
        started.append((server, thread))
        while not server.started:
            time.sleep(0.01)
        return port

    yield start
    for server, thread in started:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def toy_app():
    return create_app(Catalogue.single(ToyEncoder()))


def read_all(connection):
    return b"".join(iter(lambda: connection.recv(65536), b""))


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def test_headers_that_do_not_arrive_in_time_end_the_connection(guarded, toy_app, monkeypatch):
    monkeypatch.setattr(GuardedConnection, "head_seconds", 0.3)
    port = guarded(toy_app)
    with connect(port) as silent, connect(port) as slow:
        slow.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n")
        assert read_all(slow).startswith(b"HTTP/1.1 408")
        assert read_all(silent) == b""


def test_a_second_request_has_its_time_too(guarded, toy_app, monkeypatch):
    monkeypatch.setattr(GuardedConnection, "head_seconds", 0.3)
    with connect(guarded(toy_app)) as kept:
        kept.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert kept.recv(65536).startswith(b"HTTP/1.1 200")
        time.sleep(0.5)  # an open connection may rest
        kept.sendall(b"GET /health/live HTTP/1.1\r\n")
        assert read_all(kept).startswith(b"HTTP/1.1 408")


def test_headers_without_end_are_refused(guarded, toy_app):
    with connect(guarded(toy_app)) as flood:
        flood.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n")
        answer = b""
        try:
            for number in range(100):
                flood.sendall(f"X-{number}: {'v' * 4000}\r\n".encode())
            answer = read_all(flood)
        except OSError:  # closed while we were sending
            return
    assert not answer or answer.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))


def test_requests_in_one_packet_are_answered_in_order(guarded, toy_app):
    with connect(guarded(toy_app)) as both:
        ask = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
        both.sendall(ask + b"\r\n" + ask + b"Connection: close\r\n\r\n")
        assert read_all(both).count(b"HTTP/1.1 200") == 2


def test_while_the_models_are_opened_only_live_is_well(guarded, toy_app):
    go, ready, stopped = threading.Event(), threading.Event(), threading.Event()

    def make():
        go.wait(10)
        return toy_app

    port = guarded(Ready(make, ready.set, lambda error: None, stopped.set))
    address = f"http://127.0.0.1:{port}"
    assert httpx.get(address + "/health/live").json() == {"status": "starting"}
    for path in ("/health", "/v1/embeddings", "/nothing"):
        early = httpx.get(address + path)
        assert (early.status_code, early.headers["retry-after"]) == (503, "1")
        assert early.json()["detail"] == early.json()["error"]["message"]
    go.set()
    assert ready.wait(10)
    assert httpx.get(address + "/health").json()["model"] == "toy"
    assert httpx.get(address + "/health/live").json() == {"status": "ok"}
    assert not stopped.is_set()


def test_models_that_cannot_be_opened_are_told(guarded):
    failed, told = [], threading.Event()

    def fail(error):
        failed.append(str(error))
        told.set()

    def make():
        raise ValueError("broken")

    port = guarded(Ready(make, lambda: None, fail, lambda: None))
    assert told.wait(10)
    assert failed == ["broken"]
    assert httpx.get(f"http://127.0.0.1:{port}/health").status_code == 503
