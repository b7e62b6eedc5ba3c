"""Milvus over a real gRPC connection: several clients at once, a server that dies, a token and TLS."""

import threading
import time

import pytest
from milvus_processes import DIMENSION, SHARED, Server, documents_of, shared_documents, spawn, vectors_of, work

from semtune.errors import InputError, StorageError
from semtune.index.collection import Changed
from semtune.index.milvus import MilvusBackend
from semtune.index.milvus import collection as writing
from semtune.index.settings import IndexSettings
from semtune.testing import toy_manifest

MANY = documents_of(7, 600)
BATCH = 40


@pytest.fixture
def server(tmp_path):
    made = Server(tmp_path / "server.db")
    yield made
    made.kill()


@pytest.fixture
def collection(server, tmp_path):
    settings = IndexSettings(backend="milvus", uri=server.uri)
    made = MilvusBackend.create(tmp_path / "index", tmp_path / "index", settings, toy_manifest(DIMENSION))
    yield made
    made.close()


def reopened(collection, tmp_path, patience=20.0):
    return MilvusBackend.open(tmp_path, collection.manifest, patience)


@pytest.fixture
def dying(server, collection, tmp_path, monkeypatch):
    """A collection whose server dies before its sixth request to write, and comes back after some seconds, or not."""
    monkeypatch.setattr(writing, "ROWS", BATCH)

    def make(patience, back_after=None):
        made = reopened(collection, tmp_path, patience)
        upsert, calls = made._client.upsert, []

        def watch(*args, **kwargs):
            calls.append(1)
            if len(calls) == 6:
                server.kill()
                if back_after is not None:
                    threading.Timer(back_after, server.start).start()
            return upsert(*args, **kwargs)

        made._client.upsert = watch
        return made

    return make


@pytest.mark.slow
def test_processes_and_threads_write_and_search_at_once(collection, tmp_path):
    clients = [spawn(collection.manifest, tmp_path, client) for client in range(2)]
    wrong = []

    def run(client):
        try:
            opened = reopened(collection, tmp_path, 60.0)
            work(opened, client)
            opened.close()
        except BaseException as error:  # a thread's failure must reach the test
            wrong.append(error)

    threads = [threading.Thread(target=run, args=(client,)) for client in (2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    for client in clients:
        assert client.wait(200) == 0, client.stderr.read()
        client.stderr.close()
    expected = {d.id: d for client in range(4) for i, d in enumerate(documents_of(client)) if i % 3}
    expected |= {d.id: d for d in shared_documents()}
    with collection.snapshot() as snapshot:
        assert {d.id: d for d in snapshot.documents()} == expected
        assert snapshot.count() == len(expected) == 4 * 80 + SHARED
    assert collection.verify() == []


@pytest.mark.slow
def test_a_server_that_dies_in_mid_insert_is_told_and_the_same_call_completes(dying, server, tmp_path, caplog):
    made = dying(patience=5.0)
    started = time.monotonic()
    with pytest.raises(StorageError) as told:
        made.upsert(MANY, vectors_of(MANY))
    assert time.monotonic() - started < 60
    assert f"200 of 600 are written, the next {BATCH} may or may not be, and the rest is not" in str(told.value)
    assert "repeat the same call or command" in str(told.value)
    with pytest.raises(StorageError, match="could not count its documents"), made.snapshot() as snapshot:
        snapshot.count()
    server.start()
    again = made.upsert(MANY, vectors_of(MANY))  # the same object finds the server again
    assert again == Changed(added=400, updated=0, unchanged=200)
    assert made.upsert(MANY, vectors_of(MANY)) == Changed(unchanged=600)
    with made.snapshot() as snapshot:
        assert snapshot.count() == 600
        assert list(snapshot.documents()) == MANY
    assert made.verify() == []
    assert caplog.records == []


@pytest.mark.slow
def test_a_server_that_comes_back_in_time_is_not_noticed(dying):
    made = dying(patience=60.0, back_after=1.0)
    assert made.upsert(MANY, vectors_of(MANY)) == Changed(added=600)
    with made.snapshot() as snapshot:
        assert list(snapshot.documents()) == MANY
    assert made.verify() == []


@pytest.mark.slow
def test_acknowledged_writes_survive_a_killed_server(collection, server, tmp_path):
    for start in range(0, 200, 50):
        collection.upsert(MANY[start : start + 50], vectors_of(MANY[start : start + 50]))
        collection.delete([MANY[start].id])
        server.kill()
        server.start()
        opened = reopened(collection, tmp_path)
        with opened.snapshot() as snapshot:
            assert [d.id for d in snapshot.documents()] == [d.id for i, d in enumerate(MANY[: start + 50]) if i % 50]
        opened.close()


def test_without_its_server_an_index_is_refused_in_words(collection, server, tmp_path):
    server.kill()
    with pytest.raises(InputError, match="No Milvus server answers at"):
        reopened(collection, tmp_path)
    server.start()
