"""What a request may take: size, time, compression; and what becomes of it when its client leaves."""

import gzip
import json
import socket
import threading
import time

import pytest
from fastapi.testclient import TestClient

from semtune.encoders.toy import ToyEncoder
from semtune.serve.app import create_app
from semtune.serve.catalogue import Catalogue
from semtune.serve.settings import ServeSettings

BODY = {"input": ["zip file", "csv"], "encoding_format": "float"}


class Slow(ToyEncoder):
    """Waits at each text "slow" until it is let go, and remembers what it was asked."""

    def __init__(self):
        super().__init__()
        self.asked, self.free, self.begun = [], threading.Event(), threading.Event()

    def encode(self, texts, role="document", progress=None):
        if texts[0].startswith("slow"):
            self.asked.append(texts[0][:6])
            self.begun.set()
            self.free.wait(20)
        return super().encode(texts, role, progress)


@pytest.fixture
def slow():
    made = Slow()
    yield made
    made.free.set()


def app_of(encoder, **settings):
    return create_app(Catalogue.single(encoder), ServeSettings(**settings))


@pytest.mark.parametrize("name", ["gzip", "x-gzip", "identity", "GZIP", "identity, gzip"])
def test_a_compressed_body_is_read_like_a_plain_one(model_client, name):
    plain = json.dumps(BODY).encode()
    sent = plain if name == "identity" else gzip.compress(plain[:9]) + gzip.compress(plain[9:])
    headers = {"Content-Type": "application/json", "Content-Encoding": name}
    given = model_client.post("/v1/embeddings", content=sent, headers=headers)
    assert given.status_code == 200
    assert given.json() == model_client.post("/v1/embeddings", json=BODY).json()


@pytest.mark.parametrize(
    ("sent", "name", "status", "words"),
    [
        (b"{}", "br", 415, "The body has the Content-Encoding 'br', which is not read here. Send it as gzip"),
        (b"{}", "gzip, gzip", 415, "'gzip, gzip'"),
        (b"{}", "gzip", 400, "The body has the Content-Encoding gzip, but cannot be decompressed"),
        (gzip.compress(b"{}" * 99, mtime=0)[:-9], "gzip", 400, "the data ends too early"),
        (gzip.compress(bytes(40_000_000), mtime=0), "gzip", 413, "larger than the limit of 2,097,152 bytes"),
    ],
)
def test_what_cannot_be_decompressed_is_refused_in_the_form_of_the_dialect(model_client, sent, name, status, words):
    given = model_client.post("/v1/embeddings", content=sent, headers={"Content-Encoding": name})
    assert given.status_code == status
    assert words in given.json()["error"]["message"]
    own = model_client.post("/search", content=sent, headers={"Content-Encoding": name})
    assert own.status_code == status
    assert words in own.json()["detail"]


def test_long_addresses_and_many_headers_are_refused(model_client):
    long = model_client.get("/search", params={"q": "a" * 33_000})
    assert (long.status_code, long.json()["detail"][:24]) == (414, "The address has 33,009 b")
    many = model_client.get("/health", headers={f"X-{number}": "v" * 1000 for number in range(40)})
    assert (many.status_code, many.json()["detail"].partition(" bytes;")[2]) == (
        431,
        " the limit is 32,768. Send fewer or shorter ones.",
    )


def test_an_answer_that_takes_too_long_is_given_up_with_503_and_its_other_pieces_are_not_begun(slow):
    with TestClient(app_of(slow, timeout=0.2)) as client:
        texts = [f"slow {number} " + "a" * 16_000 for number in range(3)]
        given = client.post("/v1/embeddings", json={"input": texts})
        slow.free.set()
        assert client.post("/v1/embeddings", json={"input": "next"}).status_code == 200
    assert (given.status_code, given.headers["retry-after"]) == (503, "1")
    error = given.json()["error"]
    assert (error["type"], error["code"]) == ("server_error", "timeout")
    assert error["message"].startswith("The answer was not ready within 0.2 seconds and was given up.")
    assert slow.asked == ["slow 0"]


def exchange(address, *parts, close=False, pause=0.0):
    """Send parts over a connection; what came back until the server closed it."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        if close:
            return b""
        return b"".join(iter(lambda: connection.recv(65536), b""))


def post(path, body, length=None):
    size = len(body) if length is None else length
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {size}\r\n\r\n".encode() + body


def test_work_is_cancelled_when_the_client_leaves(live, slow):
    address = live(app_of(slow, threads=2))
    texts = [f"slow {number} " + "a" * 16_000 for number in range(3)]
    body = json.dumps({"input": texts}).encode()
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(post("/v1/embeddings", body))
        assert slow.begun.wait(10)
    time.sleep(0.2)
    slow.free.set()
    answer = exchange(address, post("/v1/embeddings", json.dumps({"input": ["last", "two"]}).encode()))
    assert answer.startswith(b"HTTP/1.1 200")
    assert slow.asked == ["slow 0"]
    metrics = exchange(address, b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").decode()
    assert 'te_request_failure{err="cancelled"} 1.0' in metrics
    assert 'semtune_http_requests_total{method="POST",route="/v1/embeddings",status="499"} 1.0' in metrics


def test_a_body_that_never_ends_is_given_up(live):
    address = live(app_of(ToyEncoder(), receive_timeout=0.2))
    answer = exchange(address, post("/v1/embeddings", b'{"input"', 1000))
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"did not arrive within 0.2 seconds" in answer


def test_a_huge_body_is_refused_before_it_is_sent(live):
    address = live(app_of(ToyEncoder()))
    answer = exchange(address, post("/v1/embeddings", b"", 100_000_000))
    assert answer.startswith(b"HTTP/1.1 413")
    assert answer.lower().count(b"connection: close") == 1


def test_a_client_that_leaves_within_its_body_leaves_nothing_behind(live):
    address = live(app_of(ToyEncoder()))
    exchange(address, post("/v1/embeddings", b"{", 1000), close=True)
    assert exchange(address, b"GET /health HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200")
