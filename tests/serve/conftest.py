"""A small index searched exactly, and servers on free loopback ports."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from semtune.encoders.toy import ToyEncoder
from semtune.search.searcher import Searcher
from semtune.serve.app import create_app
from semtune.serve.catalogue import Catalogue
from semtune.serve.server import listen, url
from semtune.testing import ExactCollection, toy_manifest
from semtune.types import Document

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


def exact_searcher(encoder: ToyEncoder, documents: list[Document]) -> Searcher:
    """A searcher over a collection in memory, which is searched by brute force: the reference of the server's answers."""
    contract = encoder.contract
    manifest = replace(toy_manifest(contract.dimension), fingerprint=contract.fingerprint, model_name=contract.name)
    collection = ExactCollection(manifest)
    collection.upsert(documents, encoder.encode([document.content for document in documents]).vectors)
    return Searcher(encoder, collection)


@pytest.fixture(scope="session")
def encoder() -> ToyEncoder:
    return ToyEncoder()


@pytest.fixture(scope="session")
def injection() -> str:
    return INJECTION


@pytest.fixture(scope="session")
def searcher(encoder: ToyEncoder) -> Searcher:
    return exact_searcher(encoder, DOCUMENTS)


@pytest.fixture(scope="session")
def app(searcher: Searcher) -> FastAPI:
    return create_app(Catalogue.single(searcher.encoder, searcher))


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


@pytest.fixture
def model_client(encoder: ToyEncoder) -> Iterator[TestClient]:
    with TestClient(create_app(Catalogue.single(encoder))) as client:
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


@pytest.fixture(autouse=True)
def log_handlers_stay() -> Iterator[None]:
    """Undo `logs.configure`: its handler writes to the stderr of one test, which is closed afterwards."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
