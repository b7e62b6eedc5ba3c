"""Topics over HTTP: what the server says is what the folder and the library say."""

import numpy as np
import pytest
from fastapi.testclient import TestClient

from semtune.encoders.toy import ToyEncoder
from semtune.errors import ConfigError, ContractError
from semtune.progress import QUIET
from semtune.serve.app import create_app
from semtune.serve.catalogue import Catalogue, Served
from semtune.serve.uses import Uses, open_recommenders, open_served_topics
from semtune.tasks.topics.collection import of_file
from semtune.tasks.topics.job import find_topics
from semtune.tasks.topics.model import NOISE
from semtune.tasks.topics.settings import TopicsSettings
from semtune.tasks.topics.store import open_topics

WORDS = {
    "kitchen": ["kettle", "pan", "stove", "lid", "oven", "boil", "cook"],
    "garden": ["rake", "lawn", "rose", "leaf", "tulip", "mow"],
}


@pytest.fixture(scope="module")
def encoder():
    return ToyEncoder(128)


@pytest.fixture(scope="module")
def folder(encoder, tmp_path_factory):
    rng = np.random.default_rng(0)
    place = tmp_path_factory.mktemp("topics")
    lines = [" ".join(rng.choice(words, 4)) for words in WORDS.values() for _ in range(40)]
    (place / "texts.txt").write_text("\n".join(dict.fromkeys(lines)))
    texts = of_file(encoder, place / "texts.txt", TopicsSettings(), QUIET)
    find_topics(texts, TopicsSettings(topics=2), place / "rooms")
    return place / "rooms"


@pytest.fixture(scope="module")
def client(encoder, folder):
    uses = Uses(topics=open_served_topics([("", str(folder))], [encoder]))
    with TestClient(create_app(Catalogue([Served("toy", encoder)], uses))) as made:
        yield made


def test_the_topics_are_those_of_the_folder(client, folder):
    got = client.get("/topics").json()
    manifest = open_topics(folder).manifest
    assert got["name"] == "rooms"
    assert got["names"] == ["rooms"]
    assert got["stability"] == manifest["stability"]
    kept = ("topic", "title", "texts", "stability", "stable", "words")
    assert got["topics"] == [{key: row[key] for key in kept} for row in manifest["topics"]]


def test_texts_get_the_topics_that_the_model_gives(client, encoder, folder):
    texts = ["kettle on the stove", "mow the lawn", "quarterly revenue of the company"]
    got = client.post("/topics", json={"inputs": texts, "topics": "rooms"}).json()
    model = open_topics(folder).model
    want = model.assign(encoder.encode(texts, "document").vectors)
    ids = [None if topic == NOISE else model.ids[topic] for topic in want.topic.tolist()]
    assert [row["topic"] for row in got["assigned"]] == ids
    assert [row["near"] for row in got["assigned"]] == [model.ids[near] for near in want.near.tolist()]
    assert [row["score"] for row in got["assigned"]] == pytest.approx(want.cosine.tolist(), abs=1e-4)
    assert got["assigned"][0]["topic"] != got["assigned"][1]["topic"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"inputs": "a", "topics": "none"}, 404, "There are no topics 'none' here. Served are: rooms."),
        ({"inputs": [" "]}, 422, "inputs[0] is empty"),
        ({"input": "a"}, 422, "Did you mean 'inputs'"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_words(client, body, status, words):
    got = client.post("/topics", json=body)
    assert got.status_code == status
    assert words in got.text


def test_without_topics_the_answer_says_how_to_get_them(model_client):
    for got in (model_client.get("/topics"), model_client.post("/topics", json={"inputs": "a"})):
        assert got.status_code == 404
        assert "--topics FOLDER" in got.text


def test_topics_and_recommenders_need_what_they_are_of(folder, encoder):
    with pytest.raises(ContractError, match="folder of topics 'rooms' was made with the model"):
        open_served_topics([("", str(folder))], [ToyEncoder(64)])
    with pytest.raises(ConfigError, match="Two of --topics are named 'rooms'"):
        open_served_topics([("", str(folder)), ("rooms", str(folder))], [encoder])
    with pytest.raises(ConfigError, match="is for the index 'docs'; indexes served here: none"):
        open_recommenders([("docs", "somewhere")], [Served("toy", encoder)])
