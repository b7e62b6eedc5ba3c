"""SIGKILL in the middle of every step: the next call continues, and the result is that of an undisturbed run.

One process imports torch and forks a child an attempt; a child replaces one inner function by one that kills
the process half-way, then runs the pipeline as the command does.
"""

import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from semtune.config import parse_config
from semtune.pipeline import run_pipeline
from toy_run import STEPS, contents, settings

pytestmark = pytest.mark.slow

ATTEMPTS = textwrap.dedent("""
    import json, os, signal, sys, traceback
    from pathlib import Path

    import torch, sentence_transformers, datasets, onnxscript
    import semtune.dataset, semtune.evaluate.report.page, semtune.export.build, semtune.index.manifest
    import semtune.pipeline, semtune.run_directory, semtune.search.step
    import semtune.train.final_model.trained_model, semtune.train.monitor.training_monitor
    from semtune.config import parse_config
    from semtune.io import write_json
    from semtune.run_directory import RunDirectory

    config = parse_config(json.loads(sys.argv[1]))
    root, notes = Path(config.runs_dir, config.name), Path(sys.argv[2])
    TrainingMonitor = semtune.train.monitor.training_monitor.TrainingMonitor
    trained_model = semtune.train.final_model.trained_model
    on_save, on_step_end = TrainingMonitor.on_save, TrainingMonitor.on_step_end

    def die(*_args, **_kwargs):
        os.kill(os.getpid(), signal.SIGKILL)

    def after(function):
        return lambda *args, **kwargs: (function(*args, **kwargs), die())

    def at_checkpoint(step, whole):
        def saved(self, args, state, control, **kwargs):
            if whole or state.global_step < step:
                on_save(self, args, state, control, **kwargs)
            if state.global_step == step:
                die()
        return saved

    def noted(self, args, state, control, **kwargs):
        with notes.open("a") as lines:
            lines.write(f"{os.getpid()} {state.global_step}\\n")
        on_step_end(self, args, state, control, **kwargs)

    TrainingMonitor.on_step_end = noted
    POINTS = {
        "prepare: before the qrels": (semtune.dataset, "write_qrels", die),
        "train: after checkpoint 2": (TrainingMonitor, "on_save", at_checkpoint(2, whole=True)),
        "train: in checkpoint 4": (TrainingMonitor, "on_save", at_checkpoint(4, whole=False)),
        "train: in the model": (trained_model, "_save", after(trained_model._save)),
        "export: before the graph": (semtune.export.build, "_write", die),
        "evaluate: before the report": (semtune.evaluate.report.page, "write_report", die),
        "index: before the manifest": (semtune.index.manifest, "write", die),
        "search: before the answers": (semtune.search.step, "base_answers", die),
        "search: record written, not in place": (semtune.run_directory, "replace_folder", die),
        "search: in place, not in the manifest": (RunDirectory, "write_manifest", die),
        "end": (semtune.pipeline, "EXIT_CODES", semtune.pipeline.EXIT_CODES),
    }
    for name, (place, attribute, replacement) in POINTS.items():
        child = os.fork()
        if child == 0:
            try:
                setattr(place, attribute, replacement)
                semtune.pipeline.run_pipeline(config)
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                os._exit(3)
        status = os.waitpid(child, 0)[1]
        run = RunDirectory(root)
        partial = root / ".partial"
        print(json.dumps({
            "point": name,
            "signal": os.WTERMSIG(status),
            "code": os.WEXITSTATUS(status),
            "whole": [step.name for step in semtune.pipeline.STEPS if not run.damage(step.name)],
            "folders": sorted(path.name for path in root.iterdir() if path.name[0] != "." and path.is_dir()),
            "partial": sorted(path.name for path in partial.iterdir()) if partial.exists() else [],
            "steps": [int(step) for pid, step in map(str.split, notes.read_text().splitlines()) if int(pid) == child],
        }), flush=True)
""")


@pytest.fixture(scope="module")
def attempts(tmp_path_factory, finished, toy_model, toy_folder):
    root = tmp_path_factory.mktemp("killed")
    given = settings(root, toy_model, toy_folder)
    (root / "notes").touch()
    done = subprocess.run(
        [sys.executable, "-c", ATTEMPTS, json.dumps(given), str(root / "notes")],
        capture_output=True,
        text=True,
        timeout=200,
        env=os.environ | {"TOKENIZERS_PARALLELISM": "false"},
    )
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"point"')]
    return root, {attempt.pop("point"): attempt for attempt in found}, done.stderr


def test_every_attempt_was_killed_in_its_step_and_the_last_ends(attempts):
    _, found, errors = attempts
    assert {name: (at["signal"], at["code"]) for name, at in found.items()} == {
        **dict.fromkeys(list(found)[:-1], (signal.SIGKILL, 0)),
        "end": (0, 0),
    }, errors
    assert {name.split(":")[0] for name in found} == {*STEPS, "end"}


def test_a_killed_step_is_never_taken_for_whole_and_the_ones_before_it_stand(attempts):
    _, found, _ = attempts
    for name, at in found.items():
        step, _, where = name.partition(": ")
        before = STEPS if step == "end" else STEPS[: STEPS.index(step)]
        if where == "in place, not in the manifest":  # the rename is what makes a step whole
            before = [*before, step]
        assert (name, at["whole"]) == (name, before)
        assert sorted(at["folders"]) == sorted(before)
        assert at["partial"] == ([] if step in before or step == "end" else [step])


def test_training_goes_on_from_the_newest_whole_checkpoint(attempts):
    _, found, _ = attempts
    assert {name: at["steps"] for name, at in found.items() if at["steps"]} == {
        "train: after checkpoint 2": [1, 2],
        "train: in checkpoint 4": [3, 4],
        "train: in the model": [3, 4, 5],  # checkpoint 4 was not whole; now 5 is, and nothing is left to do
    }


def different(attempts, finished):
    root, _, _ = attempts
    wanted, found = contents(finished / "runs" / "toy"), contents(root / "runs" / "toy")
    assert found.keys() == wanted.keys()
    assert {"train/model/model.safetensors", "export/onnx/model.onnx", "index/index.sqlite"} <= wanted.keys()
    records = {"manifest.json", "config.yaml", ".lock", *(f"{step}/step.json" for step in STEPS)}
    return {name for name in wanted if found[name] != wanted[name]} - records


FROM_THE_LOG = {"train/log.jsonl", "train/curve.png", "evaluate/report.html"}


def test_the_result_is_that_of_an_undisturbed_run(attempts, finished):
    """Byte for byte, the weights too: on one machine a seed gives one model, however often it was interrupted."""
    assert different(attempts, finished) - FROM_THE_LOG == set()
    root, _, _ = attempts
    assert list((root / "runs" / "toy" / ".partial").iterdir()) == []
    manifest = json.loads((root / "runs" / "toy" / "manifest.json").read_text())
    assert [step["step"] for step in manifest["steps"]] == STEPS


def test_the_training_log_and_what_is_drawn_from_it_are_those_of_an_undisturbed_run(attempts, finished):
    assert different(attempts, finished) & FROM_THE_LOG == set()


def test_after_all_that_every_step_is_unchanged(attempts, toy_model, toy_folder):
    root, _, _ = attempts
    report = run_pipeline(parse_config(settings(root, toy_model, toy_folder)))
    assert [(step.step, step.status) for step in report.steps] == [(step, "unchanged") for step in STEPS]
