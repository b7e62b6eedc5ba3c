"""Hard negatives, people's verdicts and synthetic questions on the whole way: what runs again, and that nothing is lost."""

import json
import shutil

import pytest

from semtune import dataset as datasets
from semtune.config import parse_config
from semtune.errors import InputError
from semtune.pipeline import STEPS, run_pipeline
from semtune.run_directory import RunDirectory
from semtune.testing.toy_model import write_toy_model
from toy_run import contents, settings

MINED = {"hard_negatives": 2, "mine_margin": 0.98}


@pytest.fixture
def way(tmp_path, toy_model, toy_folder, monkeypatch):
    """Runs the first steps of the way; `prepare` over what mines, other sections by keyword."""

    class Way:
        data = tmp_path / "runs" / "toy" / "prepare"

        def __call__(self, prepare=None, steps=("prepare",), dry_run=False, **sections):
            monkeypatch.setattr("semtune.pipeline.STEPS", [step for step in STEPS if step.name in steps])
            given = settings(tmp_path, toy_model, toy_folder, prepare=MINED | (prepare or {}), **sections)
            report = run_pipeline(parse_config(given), dry_run=dry_run)
            self.why = {step.step: step.reason for step in report.steps if step.status != "unchanged"}
            return report

        @property
        def review(self):
            return [json.loads(line) for line in (self.data / "review.jsonl").read_text().splitlines()]

        def write(self, rows):
            (self.data / "review.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

        @property
        def made(self):
            return datasets.load(self.data)

    return Way()


def test_negatives_are_mined_and_trained_with(way, monkeypatch):
    import sentence_transformers

    Trainer, seen = sentence_transformers.SentenceTransformerTrainer, []  # noqa: N806
    monkeypatch.setattr(
        sentence_transformers,
        "SentenceTransformerTrainer",
        lambda **given: seen.append(given["train_dataset"]) or Trainer(**given),
    )
    way(steps=("prepare", "train"))
    made = way.made
    held = {d for split in ("dev", "test") for row in made.qrels[split].values() for d in row}
    banned = {document.content for document in made.corpus if document.id in held}
    for pair in made.pairs["train"]:
        assert len(pair.negatives) == 2
        assert not {pair.positive, *banned} & set(pair.negatives)
    facts = made.report["negatives"]
    assert facts["encoder"]["runtime"] in {"torch-bf16", "torch-fp32"}
    assert facts["to_review"] == len(way.review) > 0
    page = (way.data / "report.html").read_text()
    assert "Mining of hard negatives" in page
    assert facts["examples"][0]["anchor"] in page
    assert [[row[f"negative_{i}"] for i in (1, 2)] for row in seen[0]] == [
        list(p.negatives) for p in made.pairs["train"]
    ]


def test_what_mining_depends_on_makes_it_run_again(way, tmp_path, toy_folder):
    way()
    before = contents(way.data)
    way()
    assert (way.why, contents(way.data)) == ({}, before)
    way(prepare={"hard_negatives": 3}, dry_run=True)
    assert way.why["prepare"] == "arguments changed: hard_negatives: 2 → 3"
    texts = [path.read_text() for path in sorted(toy_folder.iterdir())]
    other = write_toy_model(tmp_path / "other", texts, seed=7)
    way(model=str(other), dry_run=True)
    assert "encoder: " in way.why["prepare"]
    way(prepare={"hard_negatives": 0}, dry_run=True)
    assert "hard_negatives: 2 → 0" in way.why["prepare"]


def test_a_verdict_written_into_the_run_is_heeded_and_stays(way):
    way()
    rows = way.review
    right, wrong = rows[0], next(row for row in rows if row["query"] != rows[0]["query"])
    way.write([row | {"label": {right["id"]: "relevant", wrong["id"]: "negative"}.get(row["id"], "")} for row in rows])
    way()
    assert way.why == {"prepare": "input changed: review"}
    made = way.made
    assert (right["query"], right["text"]) in {(p.anchor, p.positive) for p in made.pairs["train"]}
    query = next(q.id for q in made.queries.values() if q.text == wrong["query"])
    assert made.qrels["train"][query][wrong["document_id"]] == 0
    assert made.report["negatives"]["reviewed"] == {
        "relevant": 1, "negative": 1, "unknown": 0, "held_out": 0, "open": 0,
    }  # fmt: skip
    assert {row["id"]: row["label"] for row in way.review if row["label"]} == {
        right["id"]: "relevant",
        wrong["id"]: "negative",
    }
    before = contents(way.data)
    way()
    assert (way.why, contents(way.data)) == ({}, before)
    way(seed=14)  # another split, other pairs: verdicts stay, whether they can be heeded or not
    assert sorted(row["label"] for row in way.review if row["label"]) == ["negative", "relevant"]
    way.write([row | {"label": ""} for row in way.review])  # taken back
    way(seed=14)
    assert way.why == {"prepare": "input changed: review"}
    assert "reviewed" not in way.made.report["negatives"]
    assert contents(way.data).keys() == before.keys()


@pytest.mark.slow
def test_a_named_review_and_the_run_s_own_count_both(way, tmp_path):
    way()
    rows = way.review
    named = tmp_path / "copy.jsonl"
    named.write_text("".join(json.dumps(row | {"label": "relevant" if row is rows[0] else ""}) + "\n" for row in rows))
    review = {"review": str(named)}
    way(prepare=review)
    way(prepare=review)
    assert way.why == {}
    second = next(row for row in way.review if not row["label"])
    way.write([row | ({"label": "negative"} if row["id"] == second["id"] else {}) for row in way.review])
    way(prepare=review)
    assert way.why == {"prepare": "input changed: review"}
    assert {row["id"]: row["label"] for row in way.review if row["label"]} == {
        rows[0]["id"]: "relevant",
        second["id"]: "negative",
    }
    # who changes the named file is heeded; who contradicts it in the run is told
    named.write_text(json.dumps(rows[0] | {"label": "negative"}) + "\n")
    way(prepare=review)
    assert {row["label"] for row in way.review if row["label"]} == {"negative"}
    way.write([row | ({"label": "relevant"} if row["id"] == rows[0]["id"] else {}) for row in way.review])
    edited = contents(way.data)
    with pytest.raises(InputError, match=r"review\.jsonl says 'relevant' of .*copy\.jsonl says 'negative'"):
        way(prepare=review)
    assert contents(way.data) == edited


def test_a_broken_review_stops_before_anything_is_touched(way):
    way()
    with (way.data / "review.jsonl").open("a") as out:
        out.write('{"query": \n')
    edited = contents(way.data)
    with pytest.raises(InputError, match=r"review\.jsonl: line \d+ is not valid JSON"):
        way(prepare={"hard_negatives": 1})
    assert contents(way.data) == edited


@pytest.mark.slow
def test_verdicts_written_while_it_works_or_moved_aside_by_a_kill_are_not_lost(way, monkeypatch):
    from semtune.prepare.mine import hard_negatives as mining

    way()
    rows = way.review
    edited = [rows[0] | {"label": "negative"}, *rows[1:]]
    mine = mining.mine
    with monkeypatch.context() as patch:
        patch.setattr(mining, "mine", lambda *args, **kwargs: (way.write(edited), mine(*args, **kwargs))[1])
        way(prepare={"hard_negatives": 1})
    assert [row["label"] for row in way.review if row["id"] == rows[0]["id"]] == ["negative"]
    run = way.data.parent
    (run / ".prepare.old.x").mkdir()
    shutil.move(way.data, run / ".prepare.old.x" / "old")  # killed between the two renames
    way(prepare={"hard_negatives": 1})
    assert way.why == {"prepare": "input changed: review"}
    assert way.made.report["negatives"]["reviewed"]["negative"] == 1


@pytest.mark.slow
def test_the_source_s_own_verdicts_count(way, tmp_path):
    way()
    source = shutil.copytree(way.data, tmp_path / "set")
    rows = way.review
    (source / "review.jsonl").write_text(json.dumps(rows[0] | {"label": "relevant"}) + "\n")
    way(prepare={"source": str(source)}, name="again")
    again = tmp_path / "runs" / "again" / "prepare"
    assert (rows[0]["query"], rows[0]["text"]) in {(p.anchor, p.positive) for p in datasets.load(again).pairs["train"]}
    way(prepare={"source": str(source)}, name="again")
    assert way.why == {}


# --- synthetic questions -----------------------------------------------------------------------------------------


def asking(server, tmp_path, **other):
    server.answer = lambda text: json.dumps([" ".join(text.split("Passage:")[1].split()[::2][:12])])
    cache = str(tmp_path / "answers.jsonl")
    return {"synthetic": {"url": server.url, "model": "m", "cache": cache, "retries": 0, "top_k": 0, **other}}


def test_synthetic_questions_reach_the_training_rows_and_are_paid_for_once(way, server, tmp_path):
    prepare = asking(server, tmp_path, max_passages=6, top_k=1000)
    way(prepare=prepare)
    made = way.made
    asked = [q for q in made.queries.values() if q.metadata.get("source") == "synthetic"]
    assert len(server.requests) == 6
    assert asked
    assert all(query.id in made.qrels["train"] for query in asked)
    rows = {pair.anchor: pair for pair in made.pairs["train"]}
    assert all(len(rows[query.text].negatives) == 2 for query in asked)
    assert made.report["synthetic"]["spent"]["calls"] == 6
    way(prepare=prepare)
    assert way.why == {}
    way(prepare=asking(server, tmp_path, max_passages=7, top_k=1000))
    assert way.why["prepare"].startswith("arguments changed: synthetic: ")
    assert len(server.requests) == 7


def test_a_server_that_is_down_stops_the_run_and_leaves_the_last_result(way, server, tmp_path):
    way()
    before = contents(way.data)
    prepare = asking(server, tmp_path)
    prepare["synthetic"]["url"] = "http://127.0.0.1:9/v1"
    with pytest.raises(
        InputError, match=r"127\.0\.0\.1:9/v1 gave no usable answer: no connection.*received so far are kept"
    ):
        way(prepare=prepare)
    assert contents(way.data) == before
    assert RunDirectory(way.data.parent).damage("prepare") == ""
    assert server.requests == []
