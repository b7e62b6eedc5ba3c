import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap

import pytest

from semtune import __version__
from semtune.errors import RunLockedError, StorageError
from semtune.run_directory import Key, RunDirectory, git_revision, is_run, versions

KEY = Key({"epochs": 2, "seed": 13}, {"source": "aa", "model": "bb"}, {"semtune": "0.1.0", "torch": "2.6"})
WHEN = "2026-01-02T03:04:05+00:00"


@pytest.fixture
def run(tmp_path):
    return RunDirectory(tmp_path / "runs" / "toy")


def finish(run, step="train", key=KEY, files=None, finished=WHEN, external=()):
    """A step as the pipeline does it."""
    work = run.begin(step, key)
    for name, text in ({"a.txt": "alpha", "sub/b.txt": "beta"} if files is None else files).items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
    return run.finish(step, work, key, 1.239, 13, "cpu", finished, {"best": 0.5}, external)


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_finished_step_stands_and_is_recorded(run):
    assert run.why_run("train", KEY) == "has not run yet"
    made = finish(run)
    assert run.why_run("train", KEY) == ""
    assert run.damage("train") == ""
    record = run.record("train")
    assert record == made
    assert (record.step, record.status, record.key, record.seconds) == ("train", "done", KEY, 1.24)
    assert (record.seed, record.device, record.finished, record.result) == (13, "cpu", WHEN, {"best": 0.5})
    stat = (run.root / "train" / "a.txt").stat()
    assert record.outputs["a.txt"] == (sha("alpha"), 5, stat.st_mtime_ns)
    canonical = json.dumps({"a.txt": sha("alpha"), "sub/b.txt": sha("beta")}, separators=(",", ":"))
    assert record.content == sha(canonical)
    assert tree(run.root) == sorted(
        [".partial", "manifest.json", "train", "train/a.txt", "train/step.json", "train/sub", "train/sub/b.txt"]
    )


def test_equal_content_is_equal_whenever_it_was_made(run):
    first = finish(run, "one", finished="2026-01-01T00:00:00+00:00")
    assert finish(run, "two").content == first.content
    assert finish(run, "three", files={"a.txt": "alpha!"}).content != first.content


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (Key({"epochs": 3, "seed": 13}, KEY.inputs, KEY.versions), "arguments changed: epochs: 2 → 3"),
        (
            Key({"seed": 14, "epochs": "2"}, KEY.inputs, KEY.versions),
            "arguments changed: epochs: 2 → 2, seed: 13 → 14",
        ),
        (Key({"epochs": 2}, KEY.inputs, KEY.versions), "arguments changed: seed: 13 → None"),
        (Key(KEY.arguments, {"source": "ac", "model": "bc"}, KEY.versions), "input changed: model, source"),
        (Key(KEY.arguments, {**KEY.inputs, "labels": "cc"}, KEY.versions), "input changed: labels"),
        (
            Key(KEY.arguments, KEY.inputs, {"semtune": "0.1.0", "torch": "2.7"}),
            "versions changed: torch: 2.6 → 2.7",
        ),
        (Key({"epochs": 3, "seed": 13}, {}, {}), "arguments changed: epochs: 2 → 3"),
    ],
)
def test_why_a_step_runs_is_said_in_words(run, now, words):
    finish(run)
    assert run.why_run("train", now) == words
    assert run.damage("train") == ""
    assert now.hash != KEY.hash


def test_long_values_are_shortened_and_order_does_not_count(run):
    key = Key({"questions": ["x" * 500], "roles": {"a": 1, "b": 2}}, {}, {})
    finish(run, key=key)
    assert run.why_run("train", Key({"roles": {"b": 2, "a": 1}, "questions": ["x" * 500]}, {}, {})) == ""
    words = run.why_run("train", Key({"questions": ["y" * 500], "roles": {"a": 1, "b": 2}}, {}, {}))
    assert words == f"arguments changed: questions: ['{'x' * 58} → ['{'y' * 58}"


def test_outputs_that_are_gone_cut_or_altered_are_noticed(run):
    finish(run)
    path = run.root / "train" / "sub" / "b.txt"
    whole = path.stat().st_mtime_ns
    path.write_text("bet")
    os.utime(path, ns=(whole, whole))
    assert run.why_run("train", KEY) == "output missing or cut short: train/sub/b.txt"
    path.write_text("gama")
    assert run.damage("train") == "output altered: train/sub/b.txt"
    path.write_text("beta")  # only touched: the content is what counts
    assert run.damage("train") == ""
    path.unlink()
    assert run.damage("train") == "output missing or cut short: train/sub/b.txt"
    (run.root / "train" / "step.json").unlink()
    assert run.damage("train") == run.why_run("train", KEY) == "has not run yet"


def test_a_moved_run_stands(run, tmp_path):
    finish(run)
    shutil.copytree(run.root, tmp_path / "copy")
    assert RunDirectory(tmp_path / "copy").why_run("train", KEY) == ""


def test_a_file_outside_the_run_counts_too(run, tmp_path):
    database = tmp_path / "x.db"
    database.touch()
    finish(run, external=[str(database)])
    assert run.damage("train") == ""
    database.unlink()
    assert run.damage("train") == f"output missing: {database}"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"key": 1}', '{"key": {}, "outputs": {}}', "null", "\x00"])
def test_a_record_that_cannot_be_read_counts_for_none(run, text):
    finish(run, "prepare")
    finish(run, "train")
    (run.root / "train" / "step.json").write_text(text)
    assert run.record("train") is None
    assert run.why_run("train", KEY) == "has not run yet"
    finish(run, "evaluate")  # and does not keep other steps from being recorded
    assert [step["step"] for step in manifest(run)["steps"]] == ["evaluate", "prepare"]
    finish(run, "train")
    assert run.why_run("train", KEY) == ""


def manifest(run):
    return json.loads((run.root / "manifest.json").read_text())


def test_the_manifest_gathers_the_records_in_the_order_of_their_end(run):
    finish(run, "prepare", finished="2026-01-02T00:00:00+00:00")
    finish(run, "train", finished="2026-01-03T00:00:00+00:00")
    finish(run, "prepare", finished="2026-01-04T00:00:00+00:00")
    found = manifest(run)
    assert {key: found[key] for key in ("kind", "format", "semtune")} == {
        "kind": "semtune-run",
        "format": "1.0",
        "semtune": __version__,
    }
    assert [step["step"] for step in found["steps"]] == ["train", "prepare"]
    assert found["steps"] == [json.loads((run.root / n / "step.json").read_text()) for n in ("train", "prepare")]
    (run.root / "manifest.json").unlink()
    run.write_manifest()
    assert manifest(run) == found


def test_work_is_thrown_away_unless_the_step_resumes_and_the_key_is_the_same(run):
    other = Key({"epochs": 9}, KEY.inputs, KEY.versions)
    work = run.begin("train", KEY, resumable=True)
    assert work == run.root / ".partial" / "train"
    (work / "checkpoint").write_text("half")
    (work / ".model.x7").mkdir()  # scratch of a write that was killed
    (work / ".model.x7" / "weights").touch()
    (work / ".log.x8").touch()
    assert tree(run.begin("train", KEY, resumable=True)) == ["checkpoint", "key.json"]
    assert tree(run.begin("train", other, resumable=True)) == ["key.json"]
    (work / "checkpoint").write_text("half")
    assert tree(run.begin("train", other, resumable=False)) == ["key.json"]


def test_half_written_work_is_never_a_step(run):
    work = run.begin("train", KEY)
    (work / "a.txt").write_text("alp")
    assert run.record("train") is None
    assert run.why_run("train", KEY) == "has not run yet"
    assert not (run.root / "train").exists()


def test_killed_while_finishing_it_is_done_again_and_the_old_result_was_kept_till_then(run, monkeypatch):
    finish(run)
    changed = Key({"epochs": 3}, KEY.inputs, KEY.versions)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("semtune.run_directory.replace_folder", killed)
        with pytest.raises(KeyboardInterrupt):
            finish(run, key=changed)
    assert run.why_run("train", KEY) == ""
    assert run.why_run("train", changed) == "arguments changed: epochs: 2 → 3, seed: 13 → None"
    with monkeypatch.context() as patch:
        patch.setattr(RunDirectory, "write_manifest", killed)
        with pytest.raises(KeyboardInterrupt):
            finish(run, key=changed)
    assert run.why_run("train", changed) == ""
    assert manifest(run)["steps"][0]["key"]["arguments"] == {"epochs": 2, "seed": 13}
    run.write_manifest()
    assert manifest(run)["steps"][0]["key"]["arguments"] == {"epochs": 3}


def test_sweep_removes_our_own_leftovers_and_nothing_else(run):
    finish(run)
    for name in (".train.old.ab12", ".git"):
        (run.root / name / "old").mkdir(parents=True)
        (run.root / name / "old" / "x").touch()
    for name in (".manifest.json.ab12", ".config.yaml.cd34", ".gitignore", ".lock"):
        (run.root / name).touch()
    run.begin("index", KEY)
    before = tree(run.root)
    run.sweep()
    gone = {".train.old.ab12", ".train.old.ab12/old", ".train.old.ab12/old/x"}
    gone |= {".manifest.json.ab12", ".config.yaml.cd34"}
    assert set(before) - set(tree(run.root)) == gone
    assert run.why_run("train", KEY) == ""


HOLDER = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    from semtune.run_directory import RunDirectory
    with RunDirectory(Path(sys.argv[1])).locked():
        print("held", flush=True)
        time.sleep(60)
""")


def test_a_second_process_is_refused_in_words_until_the_first_ends(run):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(run.root)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunLockedError) as error, run.locked():
            pytest.fail("two processes hold one run")
        assert str(error.value) == (
            f"Another process (pid {holder.pid}) is working in {run.root}. "
            "Wait until it ends, or give this run another name (name=...)."
        )
        assert error.value.exit_code == 2
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
        with run.locked():
            assert (run.root / ".lock").read_text() == str(os.getpid())
            with pytest.raises(RunLockedError, match=rf"pid {os.getpid()}"), RunDirectory(run.root).locked():
                pytest.fail("locked twice")
        with run.locked():
            pass
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_a_run_folder_that_cannot_be_made_is_refused_in_words(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(StorageError, match="a part of the path is a file"),
        RunDirectory(tmp_path / "file" / "r").locked(),
    ):
        pytest.fail("locked a file")


def test_what_a_run_is(run):
    finish(run)
    assert not is_run(run.root)
    (run.root / "config.yaml").touch()
    assert is_run(run.root)
    (run.root / "manifest.json").unlink()
    assert not is_run(run.root)
    (run.root / ".lock").touch()
    assert is_run(run.root)


def test_versions_are_of_what_is_installed():
    import numpy as np

    assert versions("numpy", "no-such-package") == {"semtune": __version__, "numpy": np.__version__}


def test_the_git_revision_is_for_the_record_only(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert git_revision() == ""
    monkeypatch.setenv("PATH", "")
    assert git_revision() == ""


class Living:
    """A run of one step whose output people may change; `broken` says what is damaged in it."""

    def __init__(self, run):
        from semtune.step_runner import PlannedStep

        self.run, self.made, self.broken, self.setting = run, 0, "", 1
        self.step = PlannedStep(
            "index", (), (), lambda context: {"setting": context.setting}, lambda context, work: context.make(work),
            damage_of=lambda _folder: self.broken,
        )  # fmt: skip

    external, facts = (), staticmethod(dict)

    def make(self, work):
        self.made += 1
        (work / "a.txt").write_text(f"made {self.made}")
        return self

    def go(self, rerun="changed"):
        from semtune.step_runner import run_steps

        nothing = lambda *_: None  # noqa: E731
        report = run_steps(self, self.run, [self.step], rerun, "toy", 13, nothing, nothing, lambda _: 0)
        return report.steps[0].reason


KEPT = "; it was changed after the run made it, and is kept as index.before"


def test_output_that_people_changed_stays(run):
    living = Living(run)
    living.go()
    output = run.root / "index" / "a.txt"
    output.write_text("made 1 and more")
    assert living.go() == "nothing it depends on changed"
    assert living.go("never") == "already finished; skipped (--rerun never)"
    assert output.read_text() == "made 1 and more"
    living.setting = 2
    assert living.go() == "arguments changed: setting: 1 → 2" + KEPT
    assert output.read_text() == "made 2"
    assert (run.root / "index.before" / "a.txt").read_text() == "made 1 and more"
    assert [record["step"] for record in json.loads((run.root / "manifest.json").read_text())["steps"]] == ["index"]
    assert living.go("always") == "requested (--rerun always)"  # nothing was changed this time
    assert (run.root / "index.before" / "a.txt").read_text() == "made 1 and more"


@pytest.mark.parametrize("name", ["b.txt", "versions/2/b.txt"])
def test_a_file_that_joined_the_output_is_a_change(run, name):
    living = Living(run)
    living.go()
    (run.root / "index" / name).parent.mkdir(parents=True, exist_ok=True)
    (run.root / "index" / name).write_text("x")
    (run.root / "index" / "a.sqlite-wal").write_text("")
    (run.root / "index" / "a.sqlite-shm").write_text("x")
    assert living.go("always").endswith(KEPT)
    assert (run.root / "index.before" / name).exists()


def test_what_only_an_open_database_needs_is_no_change(run):
    living = Living(run)
    living.go()
    (run.root / "index" / "a.sqlite-wal").write_text("")
    (run.root / "index" / "a.sqlite-shm").write_text("x")
    assert not run.altered("index")


def test_damage_of_changed_output_is_mended(run):
    living = Living(run)
    living.go()
    living.broken = "a.txt is damaged"
    assert living.go() == "nothing it depends on changed"  # it is only asked where something changed
    (run.root / "index" / "a.txt").write_text("mad")
    assert living.go() == "a.txt is damaged" + KEPT
    assert (run.root / "index" / "a.txt").read_text() == "made 2"
