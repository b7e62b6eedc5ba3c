"""The operators' routes: states, jobs one at a time, and an index that answers while it is upgraded and reloaded."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient
from local_index import built_index, followed

import semtune
from semtune.api.serving import index_care
from semtune.encoders.load import load_encoder
from semtune.encoders.toy import ToyEncoder
from semtune.errors import ModelError
from semtune.index.build import build_index
from semtune.index.settings import IndexSettings
from semtune.serve.app import create_app
from semtune.serve.catalogue import Catalogue, Served
from semtune.serve.errors import ApiError
from semtune.serve.open import Target, open_catalogue
from semtune.serve.own.care import IndexCare
from semtune.serve.own.job_board import JobBoard
from semtune.serve.own.jobs import Jobs
from semtune.types import Document

TEXTS = {"kettle": "Mend the kettle with solder.", "zebra": "A zebra crossed the street.", "zip": "Read a zip file."}


def ended(client, job, patience=60.0):
    """The job when it has ended."""
    until = time.monotonic() + patience
    while (state := client.get(f"/admin/jobs/{job['id']}").json())["state"] == "running":
        assert time.monotonic() < until, state
        time.sleep(0.02)
    return state


@pytest.fixture
def slow(tmp_path):
    """A server whose upgrades wait for an event."""
    go = threading.Event()

    def upgrade(home, model, data, anyway, progress):
        del home, data, anyway
        with progress.track("index", 10) as advance:
            advance(4)
            progress.say(f"to {model}")
            go.wait(10)
        if model == "broken":
            raise ModelError("There is no model 'broken'.")
        return {"status": "switched", "share": float("nan")}

    def fails(home, progress):
        raise RuntimeError("a bug")

    served = followed(built_index(tmp_path / "index"))
    care = IndexCare(upgrade, lambda *_: {}, fails, lambda _: {"ok": True, "problems": []})
    app = create_app(Catalogue([served, Served("bare", ToyEncoder())]), care=care)
    with TestClient(app) as client:
        yield client, go
    served.close()


def test_a_job_can_be_watched_and_no_second_one_starts(slow):
    client, go = slow
    began = client.post("/admin/indexes/toy/upgrade", json={"model": "new"})
    assert began.status_code == 202
    while client.get(f"/admin/jobs/{began.json()['id']}").json()["messages"] == []:
        time.sleep(0.01)
    job = client.get(f"/admin/jobs/{began.json()['id']}").json()
    assert (job["state"], job["task"], job["done"], job["total"]) == ("running", "index", 4, 10)
    assert client.get("/admin/indexes/toy").json()["running"] == job["id"]
    second = client.post("/admin/indexes/toy/verify")
    assert (second.status_code, job["id"] in second.json()["detail"]) == (409, True)
    go.set()
    done = ended(client, job)
    assert (done["state"], done["result"]) == ("done", {"status": "switched", "share": None})
    assert client.get("/admin/indexes/toy").json()["running"] is None
    assert ended(client, client.post("/admin/indexes/toy/verify").json())["result"]["ok"] is True
    assert [each["action"] for each in client.get("/admin/jobs").json()] == ["verify", "upgrade"]


def test_a_job_that_fails_says_why(slow):
    client, go = slow
    go.set()
    failed = ended(client, client.post("/admin/indexes/toy/upgrade", json={"model": "broken"}).json())
    assert (failed["state"], failed["error"]) == ("failed", "There is no model 'broken'.")
    bug = ended(client, client.post("/admin/indexes/toy/compact").json())
    assert (bug["state"], bug["error"][:14]) == ("failed", "Internal error")


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("GET", "/admin/indexes/none", "'none' is not served here"),
        ("GET", "/admin/indexes/bare", "only the model 'bare'"),
        ("POST", "/admin/indexes/bare/compact", "only the model 'bare'"),
        ("GET", "/admin/jobs/none", "no job 'none'"),
    ],
)
def test_what_is_not_there_is_404_in_words(slow, method, path, message):
    answer = slow[0].request(method, path)
    assert (answer.status_code, message in answer.json()["detail"]) == (404, True)


@pytest.fixture
def real(exported, tmp_path):
    """An index of an exported model, served as `semtune serve` does."""
    home = tmp_path / "index"
    encoder = load_encoder(str(exported("mean").folder), exact=True)
    documents = [Document(id_, text) for id_, text in TEXTS.items()]
    build_index(documents, encoder, exported("mean").folder, home, IndexSettings())
    catalogue = open_catalogue([Target(str(home), "docs")])
    with TestClient(create_app(catalogue, care=index_care())) as client:
        yield client, home
    catalogue.close()


def test_the_state_is_that_of_the_index(real):
    client, home = real
    client.put("/documents/new", json={"text": "One more."})
    state = client.get("/admin/indexes/docs").json()
    assert state == client.get("/admin/indexes").json()[0]
    assert (state["documents"], state["version"], state["version_before"], state["open"]) == (4, ".", "", True)
    assert state["statistics"]["delta"] + 0 >= 1
    done = ended(client, client.post("/admin/indexes/docs/compact").json())
    assert done["result"]["count"] == 4
    assert client.get("/admin/indexes/docs").json()["statistics"]["delta"] == 0
    assert ended(client, client.post("/admin/indexes/docs/verify").json())["result"] == {
        "ok": True, "problems": [], "warnings": [], "count": 4,
    }  # fmt: skip
    assert semtune.verify(home).ok


@pytest.mark.slow
def test_an_index_is_upgraded_written_and_rolled_back_while_it_answers(real, exported):
    client, home = real
    stop = threading.Event()

    def ask():
        statuses = set()
        while not stop.is_set():
            statuses.add(client.post("/search", json={"query": "zebra"}).status_code)
        return statuses

    with ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(ask) for _ in range(2)]
        before = client.get("/health").json()["fingerprint"]
        job = client.post("/admin/indexes/docs/upgrade", json={"model": str(exported("cls").folder)}).json()
        done = ended(client, job)
        assert (done["state"], done["result"]["status"]) == ("done", "switched"), done
        assert client.get("/health").json()["fingerprint"] != before  # at once
        assert client.put("/documents/late", json={"text": "Written after the upgrade."}).json()["count"] == 4
        assert client.get("/admin/indexes/docs").json()["version"] == "versions/2"
        back = ended(client, client.post("/admin/indexes/docs/rollback").json())
        assert back["state"] == "done", back
        assert client.get("/health").json()["fingerprint"] == before
        assert client.get("/documents/late").json()["text"] == "Written after the upgrade."
        assert client.post("/admin/indexes/docs/reload").json()["open"] is True
        stop.set()
        assert [each.result() for each in asking] == [{200}, {200}]
    assert semtune.verify(home).ok


def test_a_write_over_http_is_what_semtune_add_would_have_written(real, exported, tmp_path):
    client, home = real
    rows = '{"_id": "x", "text": "A kettle that sings.", "title": "Song", "lang": "en"}\n'
    client.post("/documents", content=rows)
    source = tmp_path / "corpus.jsonl"
    source.write_text(rows)
    done = semtune.add(home, source)
    assert (done.added, done.updated, done.unchanged) == (0, 0, 1)
    with_document = semtune.Searcher.open(home)
    vectors = load_encoder(str(exported("mean").folder), exact=True).encode(["Song A kettle that sings."]).vectors
    with with_document.collection.snapshot() as seen:
        assert abs(seen.vectors(["x"]) - vectors).max() < 1e-5
    with_document.close()


def test_the_command_line_writes_beside_the_server(real, tmp_path):
    client, home = real
    source = tmp_path / "corpus.jsonl"
    source.write_text("".join(f'{{"_id": "c{n}", "text": "line {n}"}}\n' for n in range(20)))
    with ThreadPoolExecutor(4) as pool:
        adding = pool.submit(semtune.add, home, source)
        put = pool.map(lambda n: client.put(f"/documents/h{n}", json={"text": f"put {n}"}).status_code, range(10))
        assert set(put) == {200}
        assert adding.result().added == 20
    assert client.get("/health").json()["documents"] == 33


def test_processes_of_one_server_tell_each_other_of_their_jobs(tmp_path, monkeypatch):
    here, go = Jobs(JobBoard(tmp_path)), threading.Event()

    def work(progress):
        with progress.track("index", 2) as advance:
            advance(1)
            go.wait(10)
        return {"ok": True}

    mine = here.start("docs", "upgrade", work)
    there = Jobs(JobBoard(tmp_path))
    monkeypatch.setattr("semtune.serve.own.job_board.os.getpid", lambda: 1)  # as another process sees it
    assert there.find(mine.id).state == "running"
    with pytest.raises(ApiError, match="is running"):
        there.start("docs", "verify", work)
    monkeypatch.undo()
    go.set()
    until = time.monotonic() + 10
    while mine.state == "running" or not mine.ended:
        assert time.monotonic() < until
        time.sleep(0.01)
    monkeypatch.setattr("semtune.serve.own.job_board.os.getpid", lambda: 1)
    while there.find(mine.id).state != "done":
        assert time.monotonic() < until
        time.sleep(0.01)
    assert there.find(mine.id).result == {"ok": True}
    state = {**mine.as_dict(), "id": "dead", "state": "running", "ended": "", "pid": 2**30}
    (tmp_path / "jobs" / "dead.json").write_text(json.dumps(state))
    lost = there.find("dead")
    assert (lost.state, lost.error[:11]) == ("failed", "The process")
