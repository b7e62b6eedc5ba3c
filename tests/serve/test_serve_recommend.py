"""`POST /recommend`: what the library recommends, and what is refused."""

from collections.abc import Iterator

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from semtune.search.searcher import Searcher
from semtune.serve import errors
from semtune.serve.catalogue import Catalogue
from semtune.serve.metrics import Metrics
from semtune.serve.own import recommend
from semtune.serve.workers import Workers
from semtune.tasks.recommend.cooccurrence import Cooccurrence
from semtune.tasks.recommend.job import recommend_from
from semtune.tasks.recommend.recommender import Recommender
from semtune.tasks.recommend.settings import RecommendSettings


def client_of(searcher: Searcher, recommenders: dict[str, Recommender] | None = None) -> TestClient:
    catalogue = Catalogue.single(searcher.encoder, searcher)
    app = FastAPI()
    errors.install(app, "/recommend", ())
    app.include_router(recommend.router(catalogue, Workers(1, 8, Metrics(catalogue)), 20, recommenders))
    return TestClient(app)


@pytest.fixture
def alone(searcher: Searcher) -> Iterator[TestClient]:
    with client_of(searcher) as client:
        yield client


def learned(searcher: Searcher) -> Recommender:
    rows = np.full((5, 1), -1, np.int32)
    part = Cooccurrence(rows, np.zeros((5, 1), np.float32), np.array([3, 9, 5, 0, 1]), 9)
    ids = ["zip", "csv", "json", "evil", "long"]
    return Recommender(ids, part, 0.0, searcher.manifest.model_name, searcher.manifest.fingerprint)


def test_the_answer_is_that_of_the_library(alone: TestClient, searcher: Searcher) -> None:
    body = {"like": ["zip"], "dislike": ["long"], "k": 3, "diversity": 0.2}
    answer = alone.post("/recommend", json=body).json()
    settings = RecommendSettings(like=("zip",), dislike=("long",), k=3, diversity=0.2)
    want = recommend_from(searcher.collection, settings)
    assert [(item["id"], item["score"]) for item in answer["items"]] == [(item.id, item.score) for item in want.items]
    assert answer["history"] == {"liked": 1, "disliked": 1, "seen": 2}
    assert answer["items"][0]["because"][0]["id"] == "zip"
    assert answer["cold"] is False


def test_events_with_times_count_by_age(alone: TestClient) -> None:
    history = [{"id": "zip", "time": "2026-01-01"}, {"id": "csv", "event": "view", "time": 1769904000}, {"id": "gone"}]
    answer = alone.post("/recommend", json={"history": history, "half_life": 7}).json()
    assert answer["history"] == {"liked": 2, "disliked": 0, "seen": 2}
    assert answer["left_out"] == {"item is not in the index": 1}
    assert "gone" in answer["warnings"][0]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "Nothing is known of this person"),
        ({"like": ["zap"]}, "Did you mean 'zip'?"),
        ({"like": ["zip"], "dislike": ["zip"]}, "both liked and disliked"),
        ({"like": ["zip"], "k": 21}, "at most 20"),
        ({"history": [{"id": "zip", "time": "soon"}]}, "'history.0.time' is 'soon', which is no time"),
        ({"like": ["zip"], "where": "nothing=1"}, "nothing"),
        ({"like": ["zip"], "half_life": 0}, "half_life"),
        ({"history": [{"id": "zip", "event": "loves"}]}, "like"),
    ],
)
def test_what_cannot_be_answered_is_refused(alone: TestClient, body: dict, words: str) -> None:
    answer = alone.post("/recommend", json=body)
    assert answer.status_code == 422
    assert words in answer.text


def test_newcomers_get_popular_documents(searcher: Searcher) -> None:
    name = Catalogue.single(searcher.encoder, searcher).find(None).served.name
    with client_of(searcher, {name: learned(searcher)}) as client:
        answer = client.post("/recommend", json={"k": 1}).json()
    assert (answer["cold"], answer["items"][0]["id"], answer["items"][0]["score"]) == (True, "csv", 9)
    assert "similarity" not in answer["items"][0]
