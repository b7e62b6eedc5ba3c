"""What the search page asks for beside searches: what is served, filters, and the map of the corpus."""

import base64
import time
from collections import Counter

import numpy as np
import pytest
from fastapi.testclient import TestClient

from semtune.encoders.load import load_encoder
from semtune.encoders.toy import ToyEncoder
from semtune.index.build import build_index
from semtune.index.settings import IndexSettings
from semtune.search.following import follow_searcher
from semtune.serve.app import create_app
from semtune.serve.catalogue import Catalogue, Served
from semtune.serve.own.corpus_map import drawn, from_bytes, to_bytes
from semtune.serve.own.facets import facets
from semtune.tasks.topics.layout import LANDMARKS, laid_out
from semtune.tasks.topics.words import names_of
from semtune.types import Document
from semtune.unit_vectors import unit
from serve.conftest import exact_searcher

SUBJECTS = {
    "bread": "oven flour yeast dough",
    "boats": "sail harbour anchor mast",
    "stars": "comet orbit planet telescope",
}


@pytest.fixture(scope="module")
def documents():
    """60 documents of three subjects, each with words of its own."""
    rng = np.random.default_rng(3)
    made = []
    for n in range(60):
        subject = list(SUBJECTS)[n % 3]
        words = " ".join(rng.choice(SUBJECTS[subject].split(), 8))
        year = 2020 + n % 2
        metadata = {"subject": subject, "year": year, "tags": ["all", subject], "source": f"{subject}.txt", "n": n / 7}
        made.append(Document(f"{subject}/{n}", f"{subject} {words}", f"About {subject} {n}", metadata))
    return made


@pytest.fixture(scope="module")
def many(documents):
    encoder = ToyEncoder()
    searcher = exact_searcher(encoder, documents)
    with TestClient(create_app(Catalogue.single(encoder, searcher))) as client:
        yield client


def ready(client, path):
    for _ in range(200):
        answer = client.get(path)
        if answer.status_code != 202:
            return answer
        assert answer.json() == {"state": "computing"}
        time.sleep(0.05)
    raise AssertionError(f"{path} was never ready")


def test_about_says_what_is_served(many):
    about = many.get("/page/about").json()
    assert about["feedback"] is False
    (one,) = about["served"]
    assert (one["name"], one["documents"], one["mode"], one["modes"]) == ("toy", 60, "dense", ["dense"])
    assert (one["writable"], one["version"], one["calibrated"]) == (False, None, False)


def test_a_model_without_an_index_has_neither_facets_nor_a_map(model_client):
    assert model_client.get("/page/about").json()["served"][0]["documents"] is None
    for path in ("/page/facets", "/page/map", "/page/map/topics/0"):
        assert model_client.get(path).status_code == 404


def test_facets_count_the_values_of_fields_with_few(many, documents):
    found = ready(many, "/page/facets").json()
    assert (found["looked_at"], found["documents"]) == (60, 60)
    counted = {each["field"]: {one["value"]: one["count"] for one in each["values"]} for each in found["fields"]}
    want = {
        "subject": dict(Counter(d.metadata["subject"] for d in documents)),
        "year": dict(Counter(d.metadata["year"] for d in documents)),
        "tags": dict(Counter(tag for d in documents for tag in d.metadata["tags"])),
    }
    assert counted == want  # neither source, a place, nor n, a measure


def test_a_facet_is_a_filter_that_search_takes(many):
    for field in ready(many, "/page/facets").json()["fields"]:
        for one in field["values"]:
            body = {"query": "oven", "k": 100, "where": {field["field"]: one["value"]}}
            assert len(many.post("/search", json=body).json()["hits"]) == one["count"]


def test_facets_of_a_sample_say_so(documents):
    searcher = exact_searcher(ToyEncoder(), documents)
    with searcher.collection.snapshot() as snapshot:
        found = facets(snapshot, looked_at=10)
    assert (found["looked_at"], found["documents"]) == (10, 60)


def test_values_of_equal_numbers_and_truths_are_kept_apart():
    rows = [Document(str(n), "text", metadata={"on": [True, 1, "1"][n % 3]}) for n in range(9)]
    with exact_searcher(ToyEncoder(), rows).collection.snapshot() as snapshot:
        (field,) = facets(snapshot)["fields"]
    assert {(type(one["value"]), one["value"]): one["count"] for one in field["values"]} == {
        (bool, True): 3, (int, 1): 3, (str, "1"): 3
    }  # fmt: skip


def test_the_map_puts_similar_documents_near_each_other(many, documents):
    found = ready(many, "/page/map").json()
    places = np.frombuffer(base64.b64decode(found["places"]), "<u2").reshape(-1, 2).astype(float)
    topics = np.frombuffer(base64.b64decode(found["topic_of"]), "u1")
    assert (found["documents"], found["points"], len(places)) == (60, 60, 60)
    at = ",".join(map(str, range(60)))
    ids = [point["id"] for point in many.get("/page/map/titles", params={"at": at}).json()["points"]]
    assert sorted(ids) == sorted(document.id for document in documents)
    subject = np.array([id_.split("/")[0] for id_ in ids])
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert np.mean(subject[distances.argmin(axis=1)] == subject) > 0.95
    assert sum(topic["documents"] for topic in found["topics"]) == 60
    for topic in found["topics"]:
        inside = Counter(subject[topics == topic["topic"]])
        assert inside.total() == topic["documents"]
        best = inside.most_common(1)[0][0]
        assert set(topic["words"]) <= {best, "about", *SUBJECTS[best].split()}
    want = many.get("/page/map/places", params={"id": [ids[7], "nowhere", ids[3]]}).json()
    assert want == {"places": [7, None, 3]}


def test_a_topic_is_searched_exactly(many, searcher):
    topics = ready(many, "/page/map").json()["topics"]
    for topic in topics:
        answer = many.get(f"/page/map/topics/{topic['topic']}", params={"q": "oven flour", "k": 100}).json()
        assert len(answer["hits"]) == topic["documents"]
        everything = many.post("/search", json={"query": "oven flour", "k": 100}).json()["hits"]
        mine = {hit["id"] for hit in answer["hits"]}
        want = [(hit["id"], hit["score"]) for hit in everything if hit["id"] in mine]
        assert [score for _, score in want] == pytest.approx([hit["score"] for hit in answer["hits"]], abs=1e-5)
        assert {id_ for id_, _ in want} == mine
        for hit in answer["hits"]:
            start, end = hit["highlight"]
            assert hit["text"][start:end]
        assert len(many.get(f"/page/map/topics/{topic['topic']}").json()["hits"]) == min(10, topic["documents"])


def test_odd_requests_are_refused_in_words(many):
    ready(many, "/page/map")
    refused = {
        "/page/map/titles?at=x": 422, "/page/map/titles?at=-1": 422, "/page/map/titles": 422, "/page/map/topics/99": 404,
        "/page/map/topics/0?k=0": 422, "/page/map/topics/0?q=%20": 422, "/page/map?index=none": 404,
    }  # fmt: skip
    for path, status in refused.items():
        answer = many.get(path)
        assert (path, answer.status_code) == (path, status)
        assert len(answer.json()["detail"]) > 15
    assert many.get("/page/map/titles?at=999999").json() == {"points": []}


def test_a_large_index_is_sampled_always_alike(documents):
    searcher = exact_searcher(ToyEncoder(), documents)
    with searcher.collection.snapshot() as snapshot:
        first, second = drawn(snapshot, 25), drawn(snapshot, 25)
    assert (len(first.ids), first.documents, first.ids) == (25, 60, second.ids)
    assert np.array_equal(first.places, second.places)
    again = from_bytes(to_bytes(first))
    assert again is not None
    assert (again.ids, again.names) == (first.ids, first.names)
    assert np.array_equal(again.places, first.places)
    assert np.array_equal(again.middles, first.middles)
    assert from_bytes(to_bytes(first)[:-40]) is None
    assert from_bytes(b"") is None


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, LANDMARKS + 100])
def test_any_number_of_documents_has_a_map(count):
    vectors = unit(np.random.default_rng(1).standard_normal((count, 16)).astype(np.float32))
    rows = [Document(str(n), "same words everywhere") for n in range(count)]
    searcher = exact_searcher(ToyEncoder(), rows) if count <= 5 else None
    if searcher is not None:
        with searcher.collection.snapshot() as snapshot:
            assert len(drawn(snapshot).ids) == count
    if count:
        layout = laid_out(vectors)
        assert layout.places.shape == (count, 2)
        assert len(layout.landmark_of) == count


def test_words_that_every_topic_has_name_none():
    topics = np.array([0, 0, 1, 1])
    texts = ["common apple apples", "common apple", "common pear", "common pear"]
    assert [words[0] for words in names_of(topics, texts)] == ["apple", "pear"]


def test_an_index_on_disk_with_an_exported_model_keeps_its_map(exported, documents, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder, home = exported("mean").folder, tmp_path / "index"
    encoder = load_encoder(str(folder), exact=True)
    build_index(documents, encoder, folder, home, IndexSettings())
    answers = []
    for _ in range(2):  # the second server reads what the first one drew
        served = Served("docs", encoder, follow_searcher(home), home)
        with TestClient(create_app(Catalogue([served]))) as client:
            about = client.get("/page/about").json()["served"][0]
            assert (about["documents"], about["writable"], about["version"]) == (60, True, ".")
            assert about["modes"] == ["dense", "keyword", "hybrid"]
            answers.append(ready(client, "/page/map").json())
            hits = client.get("/page/map/topics/0", params={"q": "oven", "k": 100}).json()["hits"]
            with served.searching() as searcher:
                want = {hit.id: hit.score for hit in searcher.search("oven", 100)}
        served.close()
        assert [hit["score"] for hit in hits] == pytest.approx([want[hit["id"]] for hit in hits], abs=1e-5)
    assert answers[0] == answers[1]
    (kept,) = (tmp_path / "cache" / "semtune" / "maps").iterdir()
    assert from_bytes(kept.read_bytes()).documents == 60
