"""Classes of texts over HTTP: what the server says is what the library says."""

import pytest
from fastapi.testclient import TestClient

from semtune.encoders.toy import ToyEncoder
from semtune.errors import ConfigError, ContractError
from semtune.serve.app import create_app
from semtune.serve.catalogue import Catalogue, Served
from semtune.serve.open import Target
from semtune.serve.settings import ServeSettings
from semtune.serve.uses import Uses, open_classifiers
from semtune.tasks.classify.classes import from_rows
from semtune.tasks.classify.classifier import Example
from semtune.tasks.classify.examples import ReadExamples
from semtune.tasks.classify.fit import make_classifier
from semtune.tasks.classify.zero_shot import NamedClasses, classify_by_names

TEXTS = ["the kettle boils", "roses on the lawn", "quarterly revenue"]
EXAMPLES = [
    Example(text, (name,))
    for name, texts in {
        "kitchen": ["kettle boils water", "pan with a lid", "oven and stove", "kettle lid", "stove boils the pan"],
        "garden": [
            "rake the leaves",
            "roses and tulips",
            "mow the lawn",
            "leaves on the lawn",
            "roses beside the lawn",
        ],
    }.items()
    for text in texts
]


@pytest.fixture(scope="module")
def encoder():
    return ToyEncoder(256)


@pytest.fixture(scope="module")
def folder(encoder, tmp_path_factory):
    place = tmp_path_factory.mktemp("classifiers") / "rooms"
    make_classifier(encoder, ReadExamples(EXAMPLES, False, {}, [])).save(place)
    return place


@pytest.fixture(scope="module")
def uses(encoder, folder):
    return Uses(open_classifiers([("", str(folder)), ("again", str(folder))], [encoder], "auto"))


@pytest.fixture(scope="module")
def client(encoder, uses):
    with TestClient(create_app(Catalogue([Served("toy", encoder)], uses), ServeSettings(max_inputs=5))) as made:
        yield made


@pytest.mark.parametrize("labels", [["kettle lid", "rose lawn"], {"kitchen": ["kettle", "a lid"], "garden": ["lawn"]}])
def test_classes_by_name(client, encoder, labels):
    got = client.post("/classify", json={"inputs": TEXTS, "labels": labels}).json()
    rows = [(n, "") for n in labels] if isinstance(labels, list) else [(n, w) for n, ws in labels.items() for w in ws]
    named = NamedClasses.of(encoder, from_rows(rows))
    want = classify_by_names(named, encoder.encode(TEXTS, "document").vectors)
    assert [row["best"] for row in got["predictions"]] == [each.best for each in want]
    assert [row["score"] for row in got["predictions"]] == pytest.approx([each.score for each in want])
    assert got["classifier"] is None
    assert got["truncated"] == 0


def test_a_classifier_of_examples(client, encoder, uses):
    asked = {"inputs": TEXTS, "threshold": 0.6, "novel": 0.2, "explain": 2}
    got = client.post("/classify", json=asked).json()
    classifier = uses.classifiers["rooms"].classifier
    want = classifier.classify(encoder.encode(TEXTS, "query").vectors, 0.6, classifier.floor(0.2), 2)
    assert [row["label"] for row in got["predictions"]] == [each.labels[0] if each.labels else None for each in want]
    assert [row["probability"] for row in got["predictions"]] == pytest.approx([each.probability for each in want])
    assert [row["nearest"][0]["text"] for row in got["predictions"]] == [each.nearest[0].text for each in want]
    assert got["classifier"] == "rooms"
    one = client.post("/classify", json={"inputs": TEXTS[0], "classifier": "again"}).json()
    assert one["classifier"] == "again"
    assert one["predictions"][0]["label"] == "kitchen"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"inputs": TEXTS, "labels": ["one"]}, 422, "1 class was given, and at least two"),
        ({"inputs": TEXTS, "labels": ["Bug", "bug"]}, 422, "differ by case or space only"),
        ({"inputs": TEXTS, "labels": ["a", " "]}, 422, "A class has no name"),
        ({"inputs": TEXTS, "labels": ["a", "b"], "novel": 0.05}, 422, "'novel' is for"),
        ({"inputs": TEXTS, "labels": ["a", "b"], "several": True}, 422, "'several' needs 'min_score'"),
        ({"inputs": TEXTS, "labels": ["a", "b"], "model": "other"}, 404, "'other' is not served here"),
        ({"inputs": TEXTS, "labels": ["a", "b"], "min_score": "best-f1"}, 422, "best-f1"),
        ({"inputs": TEXTS, "min_score": 0.5}, 422, "'min_score' is for classes by name"),
        ({"inputs": TEXTS, "classifier": "none"}, 404, "There is no classifier 'none' here. Served are: rooms, again"),
        ({"inputs": TEXTS, "threshold": "p0.123"}, 422, "There is no promise 'p0.123'"),
        ({"inputs": TEXTS, "novel": 0.03}, 422, "not of 0.03"),
        ({"inputs": ["a", " "]}, 422, "inputs\\[1\\] is empty"),
        ({"inputs": ["a"] * 6}, 413, "'inputs' has 6 texts; this server takes at most 5"),
        ({"inputs": []}, 422, "inputs"),
        ({"inputs": "a", "lables": ["a", "b"]}, 422, "Did you mean 'labels'"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_words(client, body, status, words):
    got = client.post("/classify", json=body)
    assert got.status_code == status
    assert words.replace("\\", "") in got.text


def test_without_a_classifier_the_answer_says_how_to_get_one(model_client):
    got = model_client.post("/classify", json={"inputs": "a"})
    assert got.status_code == 404
    assert "--classifier FOLDER" in got.text


def test_classifiers_need_their_model_and_a_name_of_their_own(encoder, folder):
    with pytest.raises(ContractError, match=r"which is not served\. Serve it too"):
        open_classifiers([("", str(folder))], [ToyEncoder(64)], "auto")
    with pytest.raises(ConfigError, match="Two of --classifier are named 'rooms'"):
        open_classifiers([("", str(folder)), ("rooms", str(folder))], [encoder], "auto")
    assert Target.parse(f"rooms={folder}") == Target(str(folder), "rooms")
