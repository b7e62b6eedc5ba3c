"""A server that has an index open moves to its new version: no request fails, and /v1/embeddings moves with it."""

import threading
import time

from fastapi.testclient import TestClient

import semtune
from semtune.search.following import follow_searcher
from semtune.serve.app import create_app
from semtune.serve.catalogue import Catalogue


def test_a_server_moves_over_without_dropping_a_request(index, static_model):
    following = follow_searcher(index, every=0.01)
    statuses, stop = [], threading.Event()
    with TestClient(create_app(Catalogue.single(following.value.encoder, following))) as client:
        first = client.get("/health").json()

        def ask():
            while not stop.is_set():
                statuses.append(client.post("/search", json={"query": "mend the kettle", "k": 3}).status_code)
                statuses.append(client.post("/v1/embeddings", json={"input": "kettle"}).status_code)

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            done = semtune.upgrade(index, str(static_model(1, 40)))
            deadline = time.monotonic() + 60
            while client.get("/health").json()["dimension"] != 40 and time.monotonic() < deadline:
                time.sleep(0.02)
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)
        now = client.get("/health").json()
        assert (now["dimension"], now["documents"]) == (40, done.count)
        assert now["fingerprint"] != first["fingerprint"]
        vector = client.post("/v1/embeddings", json={"input": "kettle"}).json()["data"][0]["embedding"]
        assert len(vector) == 40
        assert client.get("/search", params={"q": "mend the kettle"}).json()["hits"]
    following.close()
    assert set(statuses) == {200}
