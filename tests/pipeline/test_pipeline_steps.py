"""Which steps run, and why."""

import hashlib
import json
import shutil

import numpy as np
import pytest

from semtune import contract as contracts
from semtune.dataset import read_documents
from semtune.errors import ConfigError, GateError, InputError, ModelError, RunLockedError
from semtune.index.manifest import FILE
from semtune.io import read_json
from semtune.pipeline import chosen_steps, run_pipeline
from semtune.progress import QUIET
from semtune.run_directory import RunDirectory
from semtune.testing.toy_corpus import toy_documents
from semtune.testing.toy_model import write_toy_model
from toy_run import QUESTION, STEPS, contents


def after(step):
    return STEPS[STEPS.index(step) :]


def test_a_finished_run_has_every_step_s_files(finished):
    run = finished / "runs" / "toy"
    manifest = json.loads((run / "manifest.json").read_text())
    assert (manifest["kind"], manifest["format"]) == ("semtune-run", "1.0")
    assert [step["step"] for step in manifest["steps"]] == STEPS
    for step in manifest["steps"]:
        assert step == json.loads((run / step["step"] / "step.json").read_text())
        for name, (sha256, size, mtime) in step["outputs"].items():
            path = run / step["step"] / name
            assert (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size) == (sha256, size)
            assert path.stat().st_mtime_ns == mtime
        listed = {"step.json", *step["outputs"]}
        assert {
            str(p.relative_to(run / step["step"])) for p in (run / step["step"]).rglob("*") if p.is_file()
        } == listed
    assert sorted(path.name for path in run.iterdir()) == sorted(
        [*STEPS, ".lock", ".partial", ".store", "config.yaml", "manifest.json"]
    )
    assert list((run / ".partial").iterdir()) == []


def test_each_step_s_input_is_what_the_step_before_made(finished):
    run = RunDirectory(finished / "runs" / "toy")
    content = {step: run.record(step).content for step in STEPS}
    assert {step: set(run.record(step).key.inputs) for step in STEPS} == {
        "prepare": {"source"},
        "train": {"prepare"},
        "evaluate": {"prepare", "train", "export"},
        "export": {"train"},
        "index": {"prepare", "export", "search mode"},  # what evaluate found best on dev, not all of evaluate
        "search": {"index"},
    }
    for step in STEPS[1:]:
        inputs = {name: sha for name, sha in run.record(step).key.inputs.items() if name != "search mode"}
        assert inputs == {name: content[name] for name in inputs}


def test_the_answers_are_the_nearest_by_the_exported_model(finished):
    from semtune.encoders.onnx import open_onnx

    run = finished / "runs" / "toy"
    encoder = open_onnx(run / "export")
    documents = read_documents(run / "prepare" / "documents.jsonl")
    scores = encoder.encode([d.content for d in documents]).vectors @ encoder.encode([QUESTION], "query").vectors[0]
    best = np.argsort(-scores, kind="stable")[:3]
    (answer,) = json.loads((run / "search" / "answers.json").read_text())
    assert answer["question"] == QUESTION
    assert [hit["id"] for hit in answer["tuned"]] == [documents[row].id for row in best]
    assert [hit["score"] for hit in answer["tuned"]] == pytest.approx(scores[best], abs=1e-5)
    assert [hit["text"] for hit in answer["tuned"]] == [documents[row].text for row in best]
    assert len(answer["base"]) == 3
    assert answer["base"] != answer["tuned"]


def test_a_second_run_finds_every_step_unchanged(toy):
    before = contents(toy.run)
    report = toy()
    assert [(step.step, step.status) for step in report.steps] == [(step, "unchanged") for step in STEPS]
    assert {step.reason for step in report.steps} == {"nothing it depends on changed"}
    assert [step.seconds for step in report.steps] == [0.0] * 6
    assert report.exit_code == 0
    record = RunDirectory(toy.run).record("evaluate")
    assert report.as_dict()["sentence"] == record.result["sentence"]
    assert report.as_dict()["answers"][0]["question"] == QUESTION
    now = contents(toy.run)
    for name in (".lock", "config.yaml"):  # the process, and the folder this copy lies in
        before.pop(name), now.pop(name)
    assert now == before


@pytest.mark.parametrize(
    ("sections", "ran", "reason"),
    [
        ({"search": {"questions": ["a", "b"]}}, ["search"], f"questions: ['{QUESTION}'] → ['a', 'b']"),
        ({"search": {"k": 5}}, ["search"], "k: 3 → 5"),
        ({"index": {"collection": "x"}}, after("index"), "collection:  → x"),
        ({"export": {"format": ["torchscript"]}}, after("export"), "format: ['onnx'] → ['onnx', 'torchscript']"),
        ({"evaluate": {"min_queries": 6}}, ["evaluate"], "min_queries: 5 → 6"),
        ({"evaluate": {"bm25": False}}, ["evaluate"], "bm25: True → False"),
        ({"evaluate": {"gate": True}}, [], ""),
        ({"train": {"num_train_epochs": 2}}, after("train"), "num_train_epochs: 1.0 → 2.0"),
        ({"train": {"learning_rate": 2e-3}}, after("train"), "learning_rate: 0.001 → 0.002"),
        ({"prepare": {"min_words": 5}}, STEPS, "min_words: 4 → 5"),
        ({"prepare": {"test_share": 0.2}}, STEPS, "test_share: 0.1 → 0.2"),
        ({"seed": 14}, STEPS, "seed: 13 → 14"),
    ],
    ids=str,
)
def test_an_argument_reaches_its_step_and_those_after_it(toy, sections, ran, reason):
    before = contents(toy.run)
    toy(dry_run=True, **sections)
    assert toy.ran == ran
    assert [toy.steps[step].status for step in STEPS if step not in ran] == ["unchanged"] * (6 - len(ran))
    if ran:
        assert toy.steps[ran[0]].reason == f"arguments changed: {reason}"
    own = {"seed": ["train", "evaluate", "search"]}.get(next(iter(sections)), [])
    for step in ran[1:]:
        words = f"arguments changed: {reason}" if step in own else "its input "
        assert toy.steps[step].reason.startswith(words)
    assert contents(toy.run) == before  # a dry run writes nothing


@pytest.mark.parametrize(
    ("sections", "reason"),
    [
        ({"search": {"mode": "hybrid"}}, "search: auto → hybrid"),
        ({"index": {"backend": "milvus", "uri": "x.db"}}, "search: auto → no full text"),
    ],
    ids=str,
)
def test_the_verdict_is_reached_again_where_the_index_is_searched_otherwise(toy, sections, reason):
    toy(dry_run=True, **sections)
    assert toy.ran == after("evaluate")
    assert toy.steps["evaluate"].reason == f"arguments changed: {reason}"


def test_without_questions_there_is_no_search_step(toy):
    config = toy.config(search={"questions": []})
    assert [step.name for step in chosen_steps(config)] == STEPS[:-1]


def test_what_changed_runs_and_the_rest_is_left_as_it_is(toy):
    before = contents(toy.run)
    toy(evaluate={"min_queries": 6}, index={"collection": "other"}, search={"k": 2})
    assert toy.ran == ["evaluate", "index", "search"]
    assert toy.steps["search"].reason.startswith("arguments changed: k: 3 → 2")
    now = contents(toy.run)
    untouched = [name for name in before if name.split("/")[0] in ("prepare", "train", "export")]
    assert len(untouched) > 20
    assert {name: now[name] for name in untouched} == {name: before[name] for name in untouched}
    assert len(toy.steps["search"].result["answers"][0]["tuned"]) == 2
    toy(evaluate={"min_queries": 6}, index={"collection": "other"}, search={"k": 2})
    assert toy.ran == []


def test_equal_output_stops_the_wave(toy, toy_folder, tmp_path):
    """The same pages in another place are another argument of prepare, and the same data set."""
    shutil.copytree(toy_folder, tmp_path / "moved")
    toy(source=tmp_path / "moved")
    assert toy.ran == ["prepare"]
    assert toy.steps["prepare"].reason.startswith("arguments changed: source: ")


def test_a_changed_source_is_a_changed_input(toy, toy_folder, tmp_path):
    pages = shutil.copytree(toy_folder, tmp_path / "pages")
    toy(source=pages)
    (pages / "kettle.md").write_text((pages / "kettle.md").read_text() + "One more line about the kettle here.\n")
    toy(source=pages, dry_run=True)
    assert toy.ran == STEPS
    assert toy.steps["prepare"].reason == "input changed: source"
    assert toy.steps["export"].reason == "its input train would run"
    assert toy.steps["index"].reason == "its input prepare and export would run"


def test_another_base_model_is_another_run(toy, tmp_path, toy_model):
    moved = shutil.copytree(toy_model, tmp_path / "moved")
    toy(dry_run=True, model=str(moved))
    # Its tokenizer is the same, so prepare stands; the tuned model's name would be another.
    assert toy.ran == STEPS[1:]
    assert toy.steps["train"].reason.startswith("arguments changed: model: ")


@pytest.mark.parametrize(
    ("damage", "step", "reason"),
    [
        (lambda run: (run / "prepare" / "corpus.jsonl").unlink(), "prepare", "output missing or cut short: prepare/corpus.jsonl"),
        (lambda run: (run / "train" / "model" / "model.safetensors").write_bytes(b""), "train", "output missing or cut short: train/model/model.safetensors"),
        (lambda run: (run / "evaluate" / "step.json").unlink(), "evaluate", "has not run yet"),
        (lambda run: shutil.rmtree(run / "search"), "search", "has not run yet"),
    ],
    ids=["prepare", "train", "evaluate", "search"],
)  # fmt: skip
def test_a_damaged_output_is_made_again(toy, damage, step, reason):
    damage(toy.run)
    toy(dry_run=True)
    assert toy.ran[0] == step
    assert toy.steps[step].reason == reason
    toy(dry_run=True, rerun="never")
    assert toy.ran == [step]


def test_a_flipped_byte_is_noticed_and_mended(toy):
    path = toy.run / "index" / "index.sqlite"
    whole = path.read_bytes()
    at = whole.rindex(b"kettle")
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    toy()
    assert toy.ran == ["index"]
    reason = toy.steps["index"].reason
    assert reason.startswith("the index is damaged: ")
    assert reason.endswith("it was changed after the run made it, and is kept as index.before")
    assert (toy.run / "index.before" / "index.sqlite").read_bytes() != whole
    toy()
    assert toy.ran == []


def test_documents_that_were_added_stay(toy, tmp_path):
    import semtune

    (tmp_path / "more.md").write_text("# The glacier\n\nA glacier is a river of ice.\n")
    assert semtune.add(toy.run, tmp_path / "more.md").added == 1
    toy()
    assert toy.ran == []
    assert semtune.get(toy.run, ["more.md#1"]).missing == []
    toy(index={"truncate": "window"})
    assert toy.steps["index"].reason.endswith("; it was changed after the run made it, and is kept as index.before")
    assert semtune.get(toy.run, ["more.md#1"]).missing == ["more.md#1"]
    assert semtune.get(toy.run / "index.before", ["more.md#1"]).missing == []
    records = json.loads((toy.run / "manifest.json").read_text())["steps"]
    assert sorted(record["step"] for record in records) == sorted(STEPS)


def test_never_keeps_what_is_finished_whatever_changed(toy):
    (toy.run / "search" / "step.json").write_text("{")
    toy(rerun="never", seed=99, train={"num_train_epochs": 9})
    assert toy.ran == ["search"]
    assert toy.steps["train"].reason == "already finished; skipped (--rerun never)"


def test_always_runs_everything_and_the_result_is_the_same(toy, monkeypatch):
    toy(rerun="always", dry_run=True)
    assert toy.ran == STEPS
    assert {step.reason for step in toy.steps.values()} == {"requested (--rerun always)"}
    quick = ["prepare", "index", "search"]
    monkeypatch.setattr("semtune.pipeline.STEPS", [step for step in chosen_steps(toy.config()) if step.name in quick])
    before = contents(toy.run)
    toy(rerun="always")
    assert toy.ran == quick
    assert all(step.seconds > 0 for step in toy.steps.values())
    records = {"manifest.json", "config.yaml", ".lock", *(f"{step}/step.json" for step in quick)}
    assert {name for name, sha in contents(toy.run).items() if before[name] != sha} <= records


def test_a_dry_run_of_a_new_run_makes_no_folder(toy, tmp_path):
    report = toy(dry_run=True, name="new")
    assert [(step.status, step.reason) for step in report.steps] == [("would run", "has not run yet")] * 6
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["toy"]


def test_thresholds_go_from_evaluate_to_the_exported_model_which_is_not_made_again(toy, monkeypatch):
    monkeypatch.setattr("semtune.evaluate.serving.calibration.LEAST", 3)  # the toy has few dev queries
    before = contracts.load(toy.run / "export")
    assert before.thresholds == {}
    toy(evaluate={"min_queries": 6})
    assert toy.ran == ["evaluate", "search"]
    assert toy.steps["search"].reason == "input changed: thresholds"
    found = read_json(toy.run / "evaluate" / "thresholds.json")
    after = contracts.load(toy.run / "export")
    assert after.thresholds == found["thresholds"] != {}
    assert (after.calibration.slope, after.fingerprint) == (found["slope"], before.fingerprint)
    assert contracts.load(toy.run / "train" / "model").calibration is None
    assert read_json(toy.run / "search" / "answers.json")[0]["tuned"][0]["probability"] > 0
    toy(evaluate={"min_queries": 7})
    assert toy.ran == ["evaluate"]


def test_a_run_in_use_is_refused_before_anything_is_written(toy):
    before = contents(toy.run)
    with RunDirectory(toy.run).locked(), pytest.raises(RunLockedError):
        toy(seed=99)
    before.pop(".lock")
    assert {name: sha for name, sha in contents(toy.run).items() if name != ".lock"} == before


def test_the_resolved_config_is_written_and_runs_again(toy):
    from semtune.config import load_config

    toy(evaluate={"gate": False})
    again = load_config(toy.run / "config.yaml")
    assert again == toy.config()
    assert {step.status for step in run_pipeline(again).steps} == {"unchanged"}


def test_a_wrong_model_or_source_leaves_nothing_that_looks_whole(toy, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="is not a model folder"):
        toy(name="one", model=str(tmp_path / "empty"))
    assert not (tmp_path / "runs" / "one").exists()
    with pytest.raises(InputError, match="is empty: no file to read in it"):
        toy(name="two", source=tmp_path / "empty")
    left = {str(path.relative_to(tmp_path / "runs" / "two")) for path in (tmp_path / "runs" / "two").rglob("*")}
    assert {name for name in left if not name.startswith(".partial")} == {".lock", "config.yaml"}
    with pytest.raises(ConfigError, match="leave nothing to train on"):
        toy(name="three", prepare={"dev_share": 0.5, "test_share": 0.5})


def test_a_failed_step_keeps_the_earlier_result_and_is_tried_again(toy, monkeypatch):
    def fails(*_args, **_kwargs):
        raise InputError("no luck")

    with monkeypatch.context() as patch:
        patch.setattr("semtune.index.manifest.write", fails)
        with pytest.raises(InputError, match="no luck"):
            toy(index={"collection": "other"})
    assert list((toy.run / ".partial").iterdir()) == []
    assert (toy.run / "index" / FILE).exists()
    assert RunDirectory(toy.run).damage("index") == ""
    toy(index={"collection": "other"})
    assert toy.ran == ["index"]  # its files are the same, so search stands


def test_a_library_that_fails_on_a_full_disk_is_not_taken_for_a_bug(toy, monkeypatch):
    from semtune.errors import StorageError

    def fails(*_args, **_kwargs):
        raise RuntimeError("unexpected pos 164416 vs 164308")

    monkeypatch.setattr("semtune.index.manifest.write", fails)
    with pytest.raises(RuntimeError, match="unexpected pos"):
        toy(index={"collection": "other"})
    monkeypatch.setattr("semtune.io.FULL", 1 << 62)
    with pytest.raises(StorageError, match=r"is full \(unexpected pos 164416 vs 164308\)"):
        toy(index={"collection": "other"})


@pytest.mark.parametrize(
    ("verdict", "code"),
    [("ship", 0), ("do-not-ship", 1), pytest.param("cannot-judge", 2, marks=pytest.mark.slow)],
)
def test_the_gate_stops_the_run_unless_the_verdict_is_ship_or_promising(toy, monkeypatch, verdict, code):
    import dataclasses

    from semtune.evaluate.verdict import outcome

    judge_all = outcome.judge_all

    def judged(*args):
        return {name: dataclasses.replace(found, verdict=verdict) for name, found in judge_all(*args).items()}

    monkeypatch.setattr(outcome, "judge_all", judged)
    report = toy(evaluate={"gate": True, "min_queries": 6}, search={"k": 2})
    assert report.exit_code == code
    assert list(toy.steps) == (STEPS if code == 0 else STEPS[:4])
    assert toy.steps["evaluate"].status == "done"
    # The questions of the toy documents were made from their headings.
    assert report.as_dict()["verdict"] == ("promising" if verdict == "ship" else verdict)
    report = toy(evaluate={"gate": True, "min_queries": 6}, search={"k": 2})
    assert (report.exit_code, toy.ran) == (code, [])  # an unchanged verdict stops as well
    report = toy(evaluate={"gate": False, "min_queries": 6}, search={"k": 2})
    assert (report.exit_code, list(toy.steps)) == (0, STEPS)


def test_the_real_verdicts_reach_the_exit_code(toy):
    assert toy(evaluate={"gate": True, "min_queries": 11}).exit_code == 2  # the toy has ten test queries
    assert "10 queries are too few; at least 11 are needed" in toy.steps["evaluate"].result["sentence"]


@pytest.mark.slow
def test_too_few_documents_for_a_test_still_give_a_search(toy, tmp_path, toy_folder):
    pages = tmp_path / "one"
    pages.mkdir()
    shutil.copy(toy_folder / "kettle.md", pages)
    report = toy(
        name="one", source=pages, search={"k": 1, "questions": ["storing the kettle"]}, evaluate={"gate": False}
    )
    assert [(step.step, step.status) for step in report.steps] == [(step, "done") for step in STEPS]
    assert report.as_dict()["verdict"] == "cannot-judge"
    assert report.as_dict()["sentence"] == (
        "cannot judge: the data set has no test part. Give documents from at least three files, or labels."
    )
    metrics = json.loads((tmp_path / "runs" / "one" / "evaluate" / "metrics.json").read_text())
    assert metrics["verdict"]["verdict"] == "cannot-judge"
    (answer,) = report.as_dict()["answers"]
    assert answer["tuned"][0]["id"].startswith("kettle.md#")
    assert (
        toy(
            name="one", source=pages, search={"k": 1, "questions": ["storing the kettle"]}, evaluate={"gate": True}
        ).exit_code
        == 2
    )


@pytest.mark.slow
def test_with_candidates_the_recommended_one_is_tuned(toy, toy_model, toy_folder, tmp_path):
    small = write_toy_model(tmp_path / "small", toy_documents(20).values(), hidden=16, layers=1, seed=4, max_length=128)
    asked = {"candidates": [str(toy_model), str(small)], "steps": 2, "rounds": 1, "max_queries": 20, "runtime": "torch"}
    with pytest.raises(GateError, match=r"select: No candidate is within the limits \(dim 8\)"):
        toy(select=asked | {"max_dim": 8})
    assert not (toy.run / "select").exists()
    report = toy(select=asked | {"max_dim": 16})
    assert [step.step for step in report.steps] == ["prepare", "select", *STEPS[1:]]
    assert toy.steps["prepare"].status == "unchanged"  # cut for the one that reads the least
    assert read_json(toy.run / "select" / "select.json")["recommended"] == str(small)
    assert contracts.load(toy.run / "train" / "model").dimension == 16
    assert contracts.load(toy.run / "export").dimension == 16
    record = RunDirectory(toy.run).record("train")
    assert record.key.arguments["base"] == contracts.load(small).fingerprint
    toy(select=asked | {"max_dim": 16}, dry_run=True)
    assert toy.ran == []
    toy(select=asked | {"max_dim": 16, "steps": 3}, dry_run=True)
    assert "select" in toy.steps["train"].reason
    toy(dry_run=True)  # without candidates the config's own model counts again
    assert "train" in toy.ran


def test_no_text_is_embedded_twice_by_the_same_model(toy, monkeypatch):
    """Evaluate, index, search and a second evaluation share what was computed."""
    from semtune.encoders.graph import GraphEncoder

    texts = []
    real = GraphEncoder.encode

    def noted(self, given, role="document", progress=None):
        texts.append((self.contract.fingerprint, role, len(given)))
        return real(self, given, role, progress)

    monkeypatch.setattr(GraphEncoder, "encode", noted)
    shutil.rmtree(toy.run / ".store" / "vectors")
    quick = ["evaluate", "index", "search"]
    monkeypatch.setattr("semtune.pipeline.STEPS", [step for step in chosen_steps(toy.config()) if step.name in quick])
    toy(rerun="always")
    first = [(model, role, count) for model, role, count in texts if count > 32]
    assert first
    texts.clear()
    toy(rerun="always")
    assert [entry for entry in texts if entry[2] > 32] == []  # speed is measured on small samples, without the store
    answers = toy.steps["search"].result["answers"]
    assert len(answers[0]["base"]) == 3


def test_the_store_goes_when_asked_and_the_answers_of_the_base_with_it(toy, monkeypatch):
    config = toy.config(search={"k": 2})
    run_pipeline(config, keep_store=False)
    assert not (toy.run / ".store").exists()
    said = []
    monkeypatch.setattr(type(QUIET), "say", lambda _self, message: said.append(message))
    report = run_pipeline(toy.config(search={"k": 1}))
    assert [len(answer["base"]) for answer in report.as_dict()["answers"]] == [0]
    assert any("no answers from the base model" in message for message in said)
    assert not (toy.run / ".store" / "models").exists()  # the base is not exported again for a few questions


@pytest.mark.slow
def test_a_store_of_nothing_computes_the_same(toy):
    before = RunDirectory(toy.run).record("evaluate").result
    toy(store_mb=0, evaluate={"min_queries": 6})
    now = toy.steps["evaluate"].result
    assert now["systems"] == pytest.approx(before["systems"], abs=1e-9)
    assert (now["verdict"], now["gain"]) == (before["verdict"], pytest.approx(before["gain"], abs=1e-9))
