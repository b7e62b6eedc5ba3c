"""A real `semtune serve` on a real small index, which must stay well whatever is sent to it."""

import json
from pathlib import Path

import httpx
import pytest
from attacked_server import serve, stop
from payloads import ADDRESS, EVIL, TITLE

import semtune

MODEL = Path(__file__).parents[2] / "golden" / "v0_1_before_13" / "run" / "export"


@pytest.fixture(scope="session")
def small_index(once):
    """An index of forty passages, one with HTML in its text and title; copy it before you change it."""

    def build(place):
        pages = place / "corpus.jsonl"
        rows = [
            {
                "_id": f"d{n}",
                "title": f"Page {n}",
                "text": f"The kettle and the lantern, number {n}.",
                "metadata": {"n": n},
            }
            for n in range(39)
        ]
        hostile = {"url": ADDRESS, "source": EVIL, "headings": [EVIL], "group": EVIL, TITLE: EVIL, "lang": TITLE}
        rows.append({"_id": EVIL, "title": TITLE, "text": f"The anvil {EVIL} and the bird.", "metadata": hostile})
        pages.write_text("".join(json.dumps(row) + "\n" for row in rows))
        semtune.index(str(MODEL), pages, place / "index")
        return place / "index"

    return once("attacked-index", build)


@pytest.fixture(scope="session")
def server_process(small_index, tmp_path_factory):
    """One server for all attacks of a worker; use `attacked`."""
    folder = tmp_path_factory.mktemp("attacked")
    attacked = serve(small_index, folder / "log", "--feedback", str(folder / "feedback.jsonl"))
    yield attacked
    stop(attacked)


@pytest.fixture
def attacked(server_process):
    """The server; afterwards the next request must be answered, and the log must have no traceback."""
    yield server_process
    assert server_process.process.poll() is None, server_process.log.read_text()
    assert server_process.get().status == 200
    assert "Traceback" not in server_process.log.read_text()


@pytest.fixture(scope="session")
def operations(server_process):
    """Every (method, path) of the OpenAPI document that takes a body, with the path's parameters filled in."""
    described = httpx.get(server_process.url + "/openapi.json").json()
    found = [
        (method.upper(), path.replace("{id}", "d1").replace("{name}", "x"), operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]
    return [(method, path) for method, path, operation in found if "requestBody" in operation]
