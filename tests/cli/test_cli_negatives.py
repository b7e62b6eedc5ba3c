"""`semtune prepare` and `semtune run` with hard negatives, people's verdicts, and synthetic questions."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from toy_run import contents


@pytest.fixture
def mine(semtune, toy_model, toy_folder, tmp_path):
    """Runs `semtune prepare` with negatives; gives its answer."""

    def call(*words, out="set"):
        given = ("--model", toy_model, "--set", "hard_negatives=2", "--set", "mine_margin=0.98", *words)
        return semtune("prepare", toy_folder, "-o", tmp_path / out, *given)

    return call


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_prepare_mines_and_a_second_time_gives_the_same_bytes(mine, tmp_path):
    answer = mine()
    assert answer.code == 0, answer.err
    made = tmp_path / "set"
    train = rows(made / "train.jsonl")
    assert all(list(row) == ["anchor", "positive", "negative_1", "negative_2"] for row in train)
    facts = json.loads((made / "prepare.json").read_text())["negatives"]
    assert (facts["per_pair"], facts["pairs"]) == (2, len(train))
    assert f"hard negatives: 2 for each of {len(train)} pairs, by {facts['encoder']['runtime']}" in answer.out
    assert f"{len(rows(made / 'review.jsonl'))} suspected answers to look at in {made / 'review.jsonl'}" in answer.out
    assert "Mining of hard negatives" in (made / "report.html").read_text()
    before = contents(made)
    assert mine().code == 0
    assert contents(made) == before


@pytest.mark.slow
def test_verdicts_written_into_a_data_set_that_is_made_again(mine, tmp_path):
    mine()
    review = tmp_path / "set" / "review.jsonl"
    found = rows(review)
    # as an editor on Windows saves it: a byte order mark, CRLF, a capital
    text = "".join(json.dumps(row | {"label": "Relevant " if row is found[0] else ""}) + "\r\n" for row in found)
    review.write_bytes(b"\xef\xbb\xbf" + text.encode())
    answer = mine()
    assert "reviewed labels: 1 relevant and 0 negative used, 0 not used" in answer.out
    assert (found[0]["query"], found[0]["text"]) in {
        (row["anchor"], row["positive"]) for row in rows(tmp_path / "set" / "train.jsonl")
    }
    assert [row["label"] for row in rows(review) if row["id"] == found[0]["id"]] == ["relevant"]
    before = contents(tmp_path / "set")
    mine()
    assert contents(tmp_path / "set") == before
    review.write_text(review.read_text() + "{broken\n")
    answer = mine()
    assert answer.code == 2
    assert "is not valid JSON" in answer.error
    assert review.read_text().endswith("{broken\n")


def test_run_takes_negatives_from_the_config_and_verdicts_from_its_folder(semtune, config, tmp_path, monkeypatch):
    from semtune.pipeline import STEPS

    monkeypatch.setattr("semtune.pipeline.STEPS", STEPS[:1])
    path = config(prepare={"hard_negatives": 1, "mine_margin": 0.98})
    first = semtune("run", path, "--json").json["steps"][0]
    assert (first["step"], first["status"]) == ("prepare", "done")
    review = tmp_path / "runs" / "toy" / "prepare" / "review.jsonl"
    found = rows(review)
    review.write_text("".join(json.dumps(row | {"label": "negative"}) + "\n" for row in found[:1]))
    dry = semtune("run", path, "--dry-run", "--json").json["steps"][0]
    assert (dry["status"], dry["reason"]) == ("would run", "input changed: review")
    assert semtune("run", path).code == 0
    assert [row["label"] for row in rows(review) if row["id"] == found[0]["id"]] == ["negative"]
    assert semtune("run", path, "--json").json["steps"][0]["status"] == "unchanged"


def synthetic(server, tmp_path, **other):
    given = {
        "url": server.url,
        "model": "m",
        "cache": str(tmp_path / "answers.jsonl"),
        "retries": 0,
        "top_k": 0,
        **other,
    }
    return [word for key, value in given.items() for word in ("--set", f"synthetic.{key}={value}")]


def test_a_server_that_is_down(semtune, server, toy_model, toy_folder, tmp_path):
    words = synthetic(server, tmp_path, url="http://127.0.0.1:9/v1")
    answer = semtune("prepare", toy_folder, "-o", tmp_path / "set", "--model", toy_model, *words)
    assert answer.code == 2
    assert answer.error.startswith("http://127.0.0.1:9/v1 gave no usable answer: no connection")
    assert sorted(path.name for path in tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_killed_prepare_goes_on_and_pays_for_no_answer_twice(server, toy_model, toy_folder, tmp_path):
    server.answer = lambda text: json.dumps([" ".join(text.split("Passage:")[1].split()[::2][:12])])
    server.script = [200, 200, 200, "slow"]
    command = [sys.executable, "-m", "semtune", "prepare", str(toy_folder), "-o", str(tmp_path / "set")]
    command += ["--model", str(toy_model), *synthetic(server, tmp_path, concurrency=1, max_passages=6)]
    child = subprocess.Popen(command, env=os.environ, stdout=subprocess.DEVNULL)
    end = time.monotonic() + 100
    while len(server.requests) < 4 and time.monotonic() < end:
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert len(rows(tmp_path / "answers.jsonl")) == 3
    assert not (tmp_path / "set").exists()
    server.released.set()
    assert subprocess.run(command, env=os.environ, capture_output=True, timeout=100).returncode == 0
    asked = [body["messages"][0]["content"] for _, _, body in server.requests]
    assert len(asked) == 4 + 3
    assert asked[3] == asked[4]
    assert len(set(asked)) == 6
    made = json.loads((tmp_path / "set" / "prepare.json").read_text())["synthetic"]
    assert (made["calls"], made["cached"], made["spent"]["calls"]) == (3, 3, 3)
