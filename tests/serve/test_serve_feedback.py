"""Feedback over HTTP, and its way into the next run: what a user said becomes a row that is trained on."""

import json
import multiprocessing
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient
from local_index import DOCUMENTS, built_index, followed

import semtune
from semtune import dataset as datasets
from semtune.config import load_config
from semtune.pipeline import run_pipeline
from semtune.prepare.settings import PrepareSettings
from semtune.prepare.step import PrepareInputs, sources
from semtune.serve.app import create_app
from semtune.serve.catalogue import Catalogue
from semtune.serve.open import Target, open_catalogue
from semtune.serve.own.feedback_file import FeedbackFile
from semtune.serve.settings import ServeSettings
from semtune.sources import model_ref
from semtune.text import key, short_id

QUESTION = "which tool do I need for the thing in the kitchen"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "feedback.jsonl"


@pytest.fixture
def client(tmp_path, file):
    served = followed(built_index(tmp_path / "index"))
    with TestClient(create_app(Catalogue([served]), ServeSettings(feedback=file))) as made:
        yield made
    served.close()


def rows(file):
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_judgements_and_clicks_are_kept_with_what_they_are_about(client, file):
    for body in (
        {"query": "kettle", "id": "b/1", "useful": False},
        {"query": "kettle", "id": "a#1", "kind": "click", "rank": 2, "index": "toy"},
        {"query": "kettle", "id": "gone", "useful": True},
    ):
        assert client.post("/feedback", json=body).json() == {"status": "stored"}
    mark = {document.id: short_id("c", document.content) for document in DOCUMENTS}
    found = [{name: value for name, value in row.items() if name != "time"} for row in rows(file)]
    about = {"query": "kettle", "index": "toy"}
    assert found == [
        {**about, "id": "b/1", "kind": "judgement", "useful": False, "content": mark["b/1"]},
        {**about, "id": "a#1", "kind": "click", "rank": 2, "content": mark["a#1"]},
        {**about, "id": "gone", "kind": "judgement", "useful": True},
    ]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"query": "a", "id": "x"}, 422, "'useful' is missing: true or false."),
        ({"query": "a", "id": "x", "kind": "click", "useful": True}, 422, "A click has no 'useful'"),
        ({"query": "a", "id": "x", "kind": "like"}, 422, "'kind'"),
        ({"query": "a", "id": "x", "useful": True, "rank": 0}, 422, "'rank'"),
        ({"query": "a", "id": "x", "useful": True, "index": "none"}, 404, "'none' is not served"),
    ],
)
def test_what_is_no_feedback_is_refused_in_words(client, file, body, status, message):
    refused = client.post("/feedback", json=body)
    assert (refused.status_code, message in refused.json()["detail"]) == (status, True)
    assert rows(file) == []


def append(path, start):
    kept = FeedbackFile(path)
    for number in range(start, start + 25):
        kept.add({"query": f"{number} " + "x" * 5000, "id": "a", "useful": True})


def test_threads_and_processes_append_whole_lines(file):
    file.write_text('{"query": "half a li')  # a process was killed while it wrote
    worker = multiprocessing.get_context("spawn").Process(target=append, args=(file, 1000))
    worker.start()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: append(file, n), (0, 100, 200)))
    worker.join(60)
    lines = file.read_text().splitlines()
    assert lines[0] == '{"query": "half a li'
    numbers = {int(json.loads(line)["query"].split()[0]) for line in lines[1:]}
    assert numbers == {start + n for start in (0, 100, 200, 1000) for n in range(25)}


def judged(index, file, answers):
    """Serve a run's index and judge answers to the question: (document id, useful)."""
    catalogue = open_catalogue([Target(str(index))])
    with TestClient(create_app(catalogue, ServeSettings(feedback=file))) as client:
        for id_, useful in answers:
            assert client.post("/feedback", json={"query": QUESTION, "id": id_, "useful": useful}).status_code == 200
    catalogue.close()


def held_out(made):
    ids = {id_ for split in ("dev", "test") for row in made.qrels[split].values() for id_ in row}
    return ids, {key(made.queries[query].text) for split in ("dev", "test") for query in made.qrels[split]}


@pytest.mark.slow
def test_what_users_say_is_trained_on_next_time(toy_model, toy_folder, tmp_path, file):
    semtune.prepare(toy_folder, tmp_path / "data", model=str(toy_model))
    before = datasets.load(tmp_path / "data")
    ids, asked = held_out(before)
    held_groups = {d.metadata["group"] for d in before.corpus if d.id in ids}
    train = [d for d in before.corpus if d.metadata["group"] not in held_groups]
    useful, useless = train[0], train[-1]
    test_question = next(before.queries[query].text for query in before.qrels["test"])
    index = followed(built_index(tmp_path / "index", before.to_index))
    with TestClient(create_app(Catalogue([index]), ServeSettings(feedback=file))) as client:
        for query, id_, good in (
            (QUESTION, useful.id, True), (QUESTION, useless.id, False), (test_question, useful.id, True),
            (QUESTION, next(iter(ids)), True),
        ):  # fmt: skip
            client.post("/feedback", json={"query": query, "id": id_, "useful": good})
    index.close()
    settings = PrepareSettings(feedback=str(file), hard_negatives=1)
    semtune.prepare(toy_folder, tmp_path / "next", model=str(toy_model), settings=settings)
    after = datasets.load(tmp_path / "next")
    [pair] = [pair for pair in after.pairs["train"] if pair.anchor == QUESTION]
    assert (pair.positive, pair.negatives) == (useful.content, (useless.content,))
    assert after.report["feedback"] == {"answers": 4, "pairs": 1, "negatives": 1}
    dropped = {name: entry["count"] for name, entry in after.report["dropped"].items() if "feedback" in name}
    assert dropped == {"feedback: a question of dev or test": 1, "feedback: a document that answers dev or test": 1}
    for split in ("dev", "test"):
        assert after.qrels[split] == before.qrels[split]
    assert not asked & {key(pair.anchor) for pair in after.pairs["train"]}


def test_new_feedback_makes_the_step_run_again(toy_model, toy_folder, file):
    inputs = PrepareInputs(
        str(toy_folder), PrepareSettings(feedback=str(file)), model_ref(str(toy_model)), seed=1, title="x"
    )
    kept = FeedbackFile(file)
    first = sources(inputs)
    assert sources(inputs) == first
    kept.add({"query": "a", "id": "b", "useful": True})
    assert sources(inputs) != first


@pytest.mark.slow
def test_the_next_semtune_run_trains_on_it(finished, tmp_path, file):
    shutil.copytree(finished / "runs", tmp_path / "runs")
    run = tmp_path / "runs" / "toy"
    made = datasets.load(run / "prepare")
    ids, _ = held_out(made)
    groups = {d.metadata["group"] for d in made.corpus if d.id in ids}
    document = next(d for d in made.corpus if d.metadata["group"] not in groups)
    judged(run, file, [(document.id, True)])
    config = load_config(run / "config.yaml", [f"runs_dir={tmp_path / 'runs'}", f"prepare.feedback={file}"])
    report = run_pipeline(config)
    assert [step.status for step in report.steps if step.step in ("prepare", "train")] == ["done", "done"]
    after = datasets.load(run / "prepare")
    assert [pair.positive for pair in after.pairs["train"] if pair.anchor == QUESTION] == [document.content]
    assert run_pipeline(config).steps[0].status != "done"  # nothing new was said
