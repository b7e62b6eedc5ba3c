"""Documents over HTTP: what is answered is on the disk, is found at once, and stands beside other writers."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import numpy as np
import pytest
from fastapi.testclient import TestClient
from local_index import DOCUMENTS, built_index, followed

from semtune.encoders.toy import ToyEncoder
from semtune.index import versions
from semtune.index.current import opened
from semtune.serve.app import create_app
from semtune.serve.catalogue import Catalogue, Served
from semtune.serve.own import writing
from semtune.serve.settings import ServeSettings


@pytest.fixture
def home(tmp_path):
    return built_index(tmp_path / "index")


@pytest.fixture
def client(home):
    served = followed(home)
    with TestClient(create_app(Catalogue([served, Served("bare", ToyEncoder())]))) as made:
        yield made
    served.close()


@pytest.fixture(scope="module")
def refusing(tmp_path_factory):
    served = followed(built_index(tmp_path_factory.mktemp("refusing") / "index"))
    with TestClient(
        create_app(Catalogue([served, Served("bare", ToyEncoder())]), ServeSettings(max_body=8000))
    ) as made:
        yield made
    served.close()


def stored(home, id_):
    """A document and its vector, as another process finds them."""
    with opened(home) as collection, collection.snapshot() as seen:
        found = seen.get([id_])[0]
        return found, seen.vectors([id_])[0] if found else None


@pytest.mark.parametrize("id_", ["plain", "guide/zip.md#2", "a b?c&d", "Straße/日本語/🙂", "100%", "a/../b", "ends/"])
def test_a_document_of_any_id_is_put_found_and_deleted(client, home, id_):
    path = f"/documents/{quote(id_, safe='/' if id_ == 'guide/zip.md#2' else '')}"
    body = {"text": "A zebra crossed.", "title": "Zebra", "metadata": {"n": 1}}
    put = client.put(path, json=body)
    assert (put.status_code, put.json()["added"], put.json()["count"]) == (200, 1, 3)
    document, vector = stored(home, id_)
    assert (document.text, document.title, document.metadata) == ("A zebra crossed.", "Zebra", {"n": 1})
    np.testing.assert_array_equal(vector, ToyEncoder().encode(["Zebra A zebra crossed."]).vectors[0])
    assert client.get(path).json() == {"id": id_, **body}
    assert client.post("/search", json={"query": "zebra", "k": 1}).json()["hits"][0]["id"] == id_  # at once
    assert client.put(path, json=body).json()["unchanged"] == 1
    assert client.delete(path).json() == {"deleted": 1, "count": 2}
    assert client.get(path).status_code == client.delete(path).status_code == 404
    assert stored(home, id_)[0] is None


def test_only_what_the_model_reads_is_encoded_again(client, home):
    assert client.put("/documents/a%231", json={"text": DOCUMENTS[0].text, "metadata": {"new": True}}).json() == {
        "added": 0, "updated": 1, "unchanged": 0, "encoded": 0, "truncated": 0, "cut_tokens": 0, "count": 2,
        "warnings": [],
    }  # fmt: skip
    assert stored(home, "a#1")[0].metadata == {"new": True}


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/documents/x", {"text": "  "}, 422, "The document has no text"),
        ("/documents/x", {"txet": "a"}, 422, "Did you mean 'text'?"),
        ("/documents/x", {"text": "\ud800"}, 422, "lone surrogate"),
        ("/documents/x", {"text": "a", "metadata": {"n": "\ud800"}}, 422, "cannot be stored"),
        ("/documents/x", {"text": "a", "metadata": [1]}, 422, "'metadata'"),
        ("/documents/" + "x" * 5000, {"text": "a"}, 422, "5,000 characters"),
        ("/documents/%ff", {"text": "a"}, 422, "not UTF-8"),
        ("/documents/", {"text": "a"}, 422, "The id is missing"),
        ("/documents/x?index=bare", {"text": "a"}, 404, "No index is served here, only the model 'bare'"),
        ("/documents/x?index=none", {"text": "a"}, 404, "'none' is not served here"),
    ],
)
def test_what_cannot_be_stored_is_refused_in_words(refusing, path, body, status, message):
    refused = refusing.put(path, content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert (refused.status_code, message in refused.json()["detail"]) == (status, True), refused.json()


def test_many_lines_are_written_as_they_come_and_the_last_of_an_id_counts(client, home, monkeypatch):
    monkeypatch.setattr("semtune.serve.own.documents.BATCH", 3)
    lines = [json.dumps({"_id": str(n), "text": f"number {n}", "lang": "en"}) for n in range(7)]
    lines.append(json.dumps({"_id": 3, "text": "three again", "title": "T"}))
    body = ("\n".join(lines) + "\n").encode()

    def pieces():
        for start in range(0, len(body), 11):
            yield body[start : start + 11]

    done = client.post("/documents", content=pieces(), headers={"Content-Type": "application/x-ndjson"})
    assert done.status_code == 200
    assert {key: done.json()[key] for key in ("added", "updated", "count")} == {"added": 7, "updated": 1, "count": 9}
    assert stored(home, "6")[0].metadata == {"lang": "en"}
    assert stored(home, "3")[0].text == "three again"
    again = client.post("/documents", json=[json.loads(line) for line in lines[4:]]).json()
    assert (again["unchanged"], again["encoded"]) == (4, 0)


def test_a_broken_line_is_named_and_the_others_are_written(client, home):
    body = b'{"_id": "x", "text": "one"}\n\n{"_id": "y", "text"\n[1]\n{"text": "no id"}\n{"_id": "z", "text": "two"}\n{"_id":"n","text":"a","v":NaN}'
    refused = client.post("/documents", content=body)
    assert refused.status_code == 422
    said = refused.json()
    assert [error["line"] for error in said["errors"]] == [3, 4, 5, 7]
    assert said["added"] == 2
    assert said["detail"].startswith("4 lines could not be used, the first is line 3, which is not valid JSON")
    assert "2 documents were written" in said["detail"]
    assert stored(home, "z")[0].text == "two"


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 422, "holds no document"),
        (b"[]", 422, "holds no document"),
        (b"[1, ", 400, "not valid JSON"),
        (b"[" * 7_000, 400, "nested too deeply"),
        (b'{"_id": "a", "text": "' + b"x" * 9000, 413, "Line 1 is longer than 8,000 bytes"),
        (b'[{"_id": "a", "text": "' + b"x" * 9000, 413, "The list is longer than 8,000 bytes"),
        (b'{"_id": "a", "text": "a"}\n' + b"x" * 9000, 413, "Line 2 is longer than 8,000 bytes"),
        (b"\xff\xfe", 422, "not text in UTF-8"),
        (b'{"_id": "a", "text": "a", "n": ' + b"[" * 3000 + b"]" * 3000 + b"}", 422, ""),
    ],
)
def test_a_body_that_is_no_list_of_documents(refusing, body, status, message):
    refused = refusing.post("/documents", content=body)
    assert (refused.status_code, message in refused.json()["detail"]) == (status, True), refused.json()


def test_requests_at_once_do_not_fail_each_other(client, home):
    def put(n):
        return client.put(f"/documents/{n % 10}", json={"text": f"text {n}"}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(put, range(20))) == {200}
    assert client.get("/health").json()["documents"] == 12


def test_another_process_that_writes_is_waited_for_and_then_named(client, home, monkeypatch):
    monkeypatch.setattr(versions, "PAUSE", 0.01)
    held, free = threading.Event(), threading.Event()

    def other():
        with versions.writing(home):
            held.set()
            free.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    held.wait(10)
    threading.Timer(0.2, free.set).start()
    assert client.put("/documents/x", json={"text": "waited"}).status_code == 200
    thread.join()


def test_a_writer_that_does_not_end_is_answered_503(home, monkeypatch):
    monkeypatch.setattr(writing, "WAIT", 0.05)
    served = followed(home)
    with TestClient(create_app(Catalogue([served]))) as client, versions.writing(home):
        busy = client.put("/documents/x", json={"text": "waited"})
        many = client.post("/documents", json=[{"_id": "x", "text": "waited"}])
    served.close()
    assert (busy.status_code, many.status_code) == (503, 503)
    assert "is writing to" in busy.json()["detail"]
    assert many.json()["detail"].endswith("Nothing was written.")
    assert busy.headers["retry-after"] == "5"


def test_similar_documents_are_those_that_the_searcher_finds(client, home):
    client.put("/documents/near", json={"text": "Mend the kettle with tin.", "metadata": {"lang": "en"}})
    found = client.get("/similar/a%231", params={"k": 2}).json()
    served = followed(home)
    with served.searching() as searcher:
        assert found["hits"] == [hit.as_dict() for hit in searcher.more_like_this("a#1", 2)]
    served.close()
    assert found["hits"][0]["id"] == "near"
    assert [hit["id"] for hit in client.get("/similar/a%231?where=lang=de").json()["hits"]] == ["b/1"]
    missing = client.get("/similar/none")
    assert (missing.status_code, "'none'" in missing.json()["detail"]) == (404, True)


def test_an_index_that_was_opened_without_its_folder_is_not_written(searcher):
    with TestClient(create_app(Catalogue.single(searcher.encoder, searcher))) as client:
        refused = client.put("/documents/x", json={"text": "a"})
    assert (refused.status_code, "opened without its folder" in refused.json()["detail"]) == (409, True)
