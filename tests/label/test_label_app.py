"""The page's API: what it answers, what it stores, and that it never tells which system said what."""

import json

import httpx
import pytest
from fastapi.testclient import TestClient

from semtune.errors import StorageError
from semtune.label.app import create_label_app

JSON = "parse json"


@pytest.fixture
def made(session):
    return session()


@pytest.fixture
def client(made):
    with TestClient(create_label_app(made, "Ann")) as client:
        yield client


def name_of(made, text=JSON):
    return next(one.question.id for one in made.pooled() if one.question.text == text)


def test_the_state_says_where_a_person_stands(client, made):
    state = client.get("/api/state").json()
    assert (state["judge"], state["next"]) == ("Ann", name_of(made))
    assert [(one["text"], one["answers"], one["graded"]) for one in state["questions"]] == [
        (JSON, 4, 0), ("write a table", 2, 0), ("how to read a zip file", 2, 0),
    ]  # fmt: skip
    assert [(one["grade"], one["word"]) for one in state["grades"]] == [
        (0, "no help"), (1, "a hint"), (2, "in part"), (3, "answers it"),
    ]  # fmt: skip
    assert state["needed"].startswith("0 judged questions with an answer")


def test_grades_are_stored_and_shown_again(client, made):
    name = name_of(made)
    stored = client.post("/api/grades", json={"judge": "Bo", "question": name, "grades": {"json": 3, "zip": 0}}).json()
    assert stored == {"question": name, "graded": 2, "next": name}
    answers = client.get(f"/api/questions/{name}", params={"judge": "bo"}).json()["answers"]
    assert {one["id"]: one["grade"] for one in answers} == {"json": 3, "zip": 0, "html": None, "long": None}
    assert made.show(name, "Ann").grades == {}
    stored = client.post("/api/grades", json={"judge": "Bo", "question": name, "grades": {"html": 0, "long": 0}}).json()
    assert (stored["graded"], stored["next"]) == (4, name_of(made, "write a table"))
    assert client.post("/api/undo", json={"judge": "Bo"}).json() == {"question": name, "graded": 2, "next": name}
    client.post("/api/undo", json={"judge": "Bo"})
    assert client.post("/api/undo", json={"judge": "Bo"}).json()["question"] is None


def test_no_answer_names_a_system_or_a_rank(client, made):
    shown = client.get(f"/api/questions/{name_of(made)}").json()
    assert set(shown) == {"id", "text", "asked", "disliked", "answers"}
    assert set(shown["answers"][0]) == {"id", "title", "text", "metadata", "grade"}
    everything = json.dumps([shown, client.get("/api/state").json()])
    assert not any(word in everything for word in ("tuned", "bm25", "score", "rank"))


def test_a_typed_question_is_added_once(client, made):
    added = client.post("/api/questions", json={"judge": "Ann", "text": "where is the moon?"}).json()
    again = client.post("/api/questions", json={"judge": "Ann", "text": "Where is the Moon?"}).json()
    assert added["question"] == again["question"]
    assert len(client.get("/api/state").json()["questions"]) == 4
    assert client.post("/api/undo", json={"judge": "Ann"}).json()["question"] is None
    assert len(client.get("/api/state").json()["questions"]) == 3


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/api/grades", {"judge": "A", "question": "x", "grades": {"json": 1}}, 422, "There is no question 'x'"),
        ("/api/grades", {"judge": "A", "grades": {}}, 422, "'question' is missing."),
        ("/api/grades", {"judge": "A", "question": "x", "grades": {"json": "much"}}, 422, "'grades'"),
        ("/api/undo", {"judge": " "}, 422, "The name of the person who judges is missing"),
        ("/api/undo", {"jugde": "A"}, 422, "Unknown field 'jugde'; allowed are judge. Did you mean 'judge'?"),
        ("/api/questions", {"judge": "A", "text": " "}, 422, "This cannot be asked: empty question."),
        ("/api/questions", {"judge": "A", "text": "half \ud800"}, 422, "lone surrogate"),
        ("/nowhere", {}, 404, "No endpoint at /nowhere. Try /, /api/state,"),
    ],
)
def test_a_wrong_request_is_refused_in_words(client, made, tmp_path, path, body, status, words):
    answer = client.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True)
    assert not (tmp_path / "labels").exists()


def test_a_grade_outside_the_four_is_refused(client, made):
    answer = client.post("/api/grades", json={"judge": "A", "question": name_of(made), "grades": {"json": 7}})
    assert (answer.status_code, answer.json()["detail"]) == (422, "The grade is 7. Allowed: 0 to 3.")


def test_a_full_disk_is_told(client, made, monkeypatch):
    def full(*_):
        raise StorageError("Cannot write labels.jsonl: no space is left on the disk.")

    monkeypatch.setattr(made.store, "give", full)
    answer = client.post("/api/grades", json={"judge": "A", "question": name_of(made), "grades": {"json": 1}})
    assert (answer.status_code, "no space is left" in answer.json()["detail"]) == (503, True)


def test_the_page_loads_nothing_from_elsewhere(client):
    answer = client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "http" not in answer.text.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.anyio
async def test_many_grades_at_once_are_all_stored(made):
    import asyncio

    transport = httpx.ASGITransport(app=create_label_app(made))
    async with httpx.AsyncClient(transport=transport, base_url="http://label") as client:
        name = name_of(made)
        answers = await asyncio.gather(
            *(
                client.post("/api/grades", json={"judge": f"judge {n}", "question": name, "grades": {"json": n % 4}})
                for n in range(24)
            )
        )
    assert {answer.status_code for answer in answers} == {200}
    assert {(one.judge, one.grade) for one in made.store.judgements()} == {(f"judge {n}", n % 4) for n in range(24)}


@pytest.fixture
def anyio_backend():
    return "asyncio"
