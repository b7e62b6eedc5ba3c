"""A small index searched exactly, and servers on free loopback ports."""

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from semtune.encoders.toy import ToyEncoder
from semtune.search.threshold import minimum_score
from semtune.serve.app import create_app
from semtune.serve.server import listen, url
from semtune.types import Document, Hit

INJECTION = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"

ZIP = "Read a zip file and list the names of its members.\n\n    ZipFile('a.zip').read(name)"
JSON_URL = {"url": "https://docs.python.org/3/library/json.html"}
SCRIPT_URL = {"url": "javascript:alert(1)"}

DOCUMENTS = [
    Document("zip", ZIP, "zipfile.ZipFile"),
    Document("csv", "Write rows of values as comma separated text.", "csv.writer", {"module": "csv", "line": 12}),
    Document("json", "Parse a string of JSON into objects.", "json.loads", JSON_URL),
    Document("evil", f"Escape html markup like {INJECTION} before showing it.", "html.escape <b>", SCRIPT_URL),
    Document("long", "Sort a list in place.\n" + "\n".join(f"line {n} about keys" for n in range(60))),
]


class ExactSearcher:
    """Exact cosine by numpy, the reference that the server's answers are held against."""

    def __init__(self, encoder: ToyEncoder, documents: list[Document]) -> None:
        self.encoder = encoder
        self._documents = documents
        self._vectors = encoder.encode([d.content for d in documents]).vectors

    @property
    def count(self) -> int:
        return len(self._documents)

    def search(self, query: str, k: int = 10, min_score: str | float | None = None) -> list[Hit]:
        floor = -2.0 if min_score is None else minimum_score(min_score, self.encoder.contract)
        scores = self._vectors @ self.encoder.encode([query], "query").vectors[0]
        curve = self.encoder.contract.calibration
        return [
            Hit(d.id, s, d.text, d.title, d.metadata, curve.probability(s) if curve else None)
            for d, s in ((self._documents[row], float(scores[row])) for row in np.argsort(-scores, kind="stable")[:k])
            if s >= floor
        ]


@pytest.fixture(scope="session")
def encoder() -> ToyEncoder:
    return ToyEncoder()


@pytest.fixture(scope="session")
def injection() -> str:
    return INJECTION


@pytest.fixture(scope="session")
def searcher(encoder: ToyEncoder) -> ExactSearcher:
    return ExactSearcher(encoder, DOCUMENTS)


@pytest.fixture(scope="session")
def app(searcher: ExactSearcher) -> FastAPI:
    return create_app(searcher, searcher.encoder)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


@pytest.fixture
def model_client(encoder: ToyEncoder) -> Iterator[TestClient]:
    with TestClient(create_app(None, encoder)) as client:
        yield client


@pytest.fixture(scope="session")
def live() -> Iterator[Callable[[FastAPI], str]]:
    """Start an application on a free port in a thread; gives its URL."""
    started: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(app: FastAPI) -> str:
        listener = listen("127.0.0.1", 0)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        address = url(listener)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        started.append((server, thread))
        return address

    yield start
    for server, thread in started:
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="session")
def live_url(live: Callable[[FastAPI], str], app: FastAPI) -> str:
    return live(app)
