"""`semtune label`: from questions over grades to a test set that `semtune evaluate` takes."""

import json
import os
import shutil
import signal
import subprocess
import sys

import httpx
import numpy as np
import pytest

import semtune as api
from semtune import dataset as datasets

QUESTIONS = [
    "how do I mend a kettle", "what does a good violin cost", "store the lantern over winter", "is a loom expensive",
    "wipe the telescope", "keep the anvil dry", "glue a cracked teapot", "frost and the sundial",
]  # fmt: skip


@pytest.fixture
def work(finished, tmp_path):
    """A copy of the finished run and a file of questions; the folder they are in."""
    shutil.copytree(finished / "runs", tmp_path / "runs")
    (tmp_path / "questions.txt").write_text("\n".join([*QUESTIONS, "", QUESTIONS[0].upper()]))
    return tmp_path


def judge_all(work, judge="Ann", **options):
    """Grade the first answer of every system 3 and the others 0; gives the session."""
    session = api.label(work / "runs" / "toy", [work / "questions.txt"], **options)
    for one in session.pooled():
        best = {ranked[0] for ranked in one.rankings.values() if ranked}
        session.grade(judge, one.question.id, {document: 3 * (document in best) for document in one.documents})
    return session


def test_nothing_judged_is_refused_before_any_work(semtune, work):
    answer = semtune("label", work / "runs/toy", "--queries", work / "questions.txt", "--export", work / "x", "--json")
    assert answer.code == 2
    assert answer.json["error"].startswith("Nothing is judged yet, so there is nothing to export; nothing was written.")
    assert not (work / "x").exists()
    assert not (work / "runs/toy/labels").exists()


def test_the_export_is_evaluated_end_to_end(semtune, work, toy_model):
    session = judge_all(work)
    assert list(session.systems) == ["tuned", "base", "bm25"]
    assert session.notes == []
    words = ("label", work / "runs/toy", "--queries", work / "questions.txt", "--export", work / "set", "--json")
    answer = semtune(*words)
    assert answer.code == 0
    found = answer.json
    assert (found["queries"], found["questions"], found["merged"], found["unjudged"]) == (8, 8, 1, 0)
    assert found["left_out"] == {"empty question": 1}
    assert found["judges"] == {"Ann": found["judged"]}
    assert found["grades"]["0"] + found["grades"]["3"] == found["judged"]
    assert found["documents"] == len(datasets.load(work / "runs/toy/prepare").to_index)
    corpus = datasets.load(work / "set").corpus
    assert [d.content for d in corpus] == [d.content for d in datasets.load(work / "runs/toy/prepare").to_index]
    judged = semtune(
        "evaluate", work / "runs/toy", work / "set", "--against", toy_model, "--min-queries", "5", "--json"
    )
    assert "8 queries" in judged.json["sentence"]
    assert "made from" not in judged.json["sentence"]


def test_the_differences_are_those_that_evaluate_finds(work, toy_model):
    session = judge_all(work)
    facts = session.export(work / "set")
    against = str(next((work / "runs/toy/.store/models").iterdir()))
    outcome = api.evaluate(str(work / "runs/toy"), work / "set", against=[against]).outcome
    tuned, base = (outcome.systems[name].per_query["ndcg@10"] for name in ("tuned", "base"))
    assert facts.needed.spread == pytest.approx(float(np.std(tuned - base, ddof=1)), abs=1e-9)


def test_vectors_of_the_base_are_computed_once(work, monkeypatch):
    from semtune.encoders.graph import GraphEncoder

    encoded = []
    encode = GraphEncoder.encode

    def counting(self, texts, role="document", progress=None):
        if len(texts) > 1:  # a single one is embedded when a model is opened
            encoded.append((role, len(texts)))
        return encode(self, texts, role, progress)

    monkeypatch.setattr(GraphEncoder, "encode", counting)
    api.label(work / "runs/toy", [work / "questions.txt"])
    passages = len(datasets.load(work / "runs/toy/prepare").to_index)
    assert [count for role, count in encoded if role == "document" and count > 1] == [
        passages
    ]  # one: when it is opened
    api.label(work / "runs/toy/index", [work / "questions.txt"])  # the same run by another path
    assert [count for role, count in encoded if role == "document"] == [passages]


def test_made_questions_stay_made_questions(semtune, work, toy_model):
    """Judged by people or not: questions from the data set's own headings make no "ship"."""
    session = api.label(work / "runs/toy", [work / "runs/toy/prepare"], base="none")
    left = session.questions.left_out["question that the model was trained on"]
    assert left > 20
    for one in session.pooled():
        session.grade("Ann", one.question.id, dict.fromkeys(one.documents[:1], 3))
    session.export(work / "set")
    judged = semtune(
        "evaluate", work / "runs/toy", work / "set", "--against", toy_model, "--min-queries", "2", "--json"
    )
    assert "made from headings" in judged.json["sentence"]


def test_an_index_outside_of_a_run_knows_its_base_by_its_model(semtune, work, toy_model, tmp_path):
    semtune("index", work / "runs/toy", work / "runs/toy", "-o", work / "mine")
    questions = [work / "questions.txt"]
    session = api.label(work / "mine", questions)
    assert session.store.path == work / "mine.labels" / "labels.jsonl"
    assert (list(session.systems), session.notes) == (["tuned", "base", "bm25"], [])
    without = api.label(work / "mine", questions, base="none")
    assert list(without.systems) == ["tuned", "bm25"]
    answer = semtune("label", work / "mine", "--base", work / "runs/toy", "--export", work / "x")
    assert answer.code == 2  # nothing judged
    with pytest.raises(api.ConfigError, match="is the model of the index itself"):
        api.label(work / "mine", questions, base=str(work / "runs/toy"))


def test_an_index_of_an_untuned_model_says_that_there_is_no_base(semtune, work, exported):
    semtune("index", exported("mean").folder, work / "runs/toy", "-o", work / "mine")
    session = api.label(work / "mine", [work / "questions.txt"])
    assert list(session.systems) == ["tuned", "bm25"]
    assert session.notes == [
        "The base is not pooled: the index does not say which model its own was tuned from. Name it with --base."
    ]
    assert "There is no base to compare with" in session.facts().needed.sentence


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--queries", "nowhere.txt"), "nowhere.txt does not exist. Give a file of questions"),
        (("--order", "best"), "order: input should be 'informative', 'random' or 'file'"),
        (("--difference", "0"), "difference: input should be greater than 0"),
        (("--base", "nowhere/at/all"), "There is no model folder"),
    ],
)
def test_a_wrong_argument_is_refused_in_words(semtune, work, words, said):
    answer = semtune("label", work / "runs/toy", *words, "--port", "0")
    assert (answer.code, said in answer.error) == (2, True)


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
def test_the_page_is_served_and_ctrl_c_ends_it(work):
    command = ["label", work / "runs/toy", "--queries", work / "questions.txt", "--port", "0", "--json"]
    code = (
        "import sys; sys.argv[0] = 'semtune'\n"
        "from semtune.cli.main import main\n"
        "try: main()\n"
        "finally: print('torch' in sys.modules, file=sys.stderr)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        lines = [process.stdout.readline()]
        while lines[-1] != "}\n":
            lines.append(process.stdout.readline())
        found = json.loads("".join(lines))
        assert (found["questions"], found["systems"]) == (8, ["tuned", "base", "bm25"])
        state = httpx.get(found["url"] + "/api/state", params={"judge": "Ann"}, timeout=30).json()
        shown = httpx.get(f"{found['url']}/api/questions/{state['next']}", params={"judge": "Ann"}, timeout=30).json()
        grades = {one["id"]: 0 for one in shown["answers"]}
        body = {"judge": "Ann", "question": shown["id"], "grades": grades}
        assert httpx.post(found["url"] + "/api/grades", json=body, timeout=30).json()["graded"] == len(grades)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert errors.strip().splitlines()[-1] == "False"  # torch was not imported
    assert "Traceback" not in errors
    assert (work / "runs/toy/labels/labels.jsonl").read_text().count("\n") == 2


def test_feedback_is_read_and_its_disliked_questions_come_first(work):
    rows = [
        {"query": "a kettle", "id": "x", "useful": True},
        {"query": "is a loom expensive", "id": "x", "useful": False},
    ]
    (work / "feedback.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    session = api.label(work / "runs/toy", [work / "questions.txt", work / "feedback.jsonl"], base="none")
    assert session.pooled()[0].question.text == "is a loom expensive"
    assert session.pooled()[0].question.disliked == 1
