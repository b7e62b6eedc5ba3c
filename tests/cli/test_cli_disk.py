"""A full disk: a real one, small enough to fill. Needs the right to mount."""

import json
import subprocess

import pytest

from semtune import dataset as datasets
from semtune.run_directory import RunDirectory

NO_SPACE = ": no space is left on the disk. Free some space or choose another place. Finished work is kept"


@pytest.fixture
def disk(tmp_path):
    """Mounts a disk of so many kilobytes, or changes its size; gives its folder."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = False

    def size(kilobytes):
        nonlocal mounted
        again = "remount," if mounted else ""
        command = ["mount", "-t", "tmpfs", "-o", f"{again}size={kilobytes}k", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting is not permitted here")
        mounted = True
        return folder

    try:
        yield size
    finally:
        if mounted:
            # Lazily: a model that was opened from it may still be mapped into memory.
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def refused(answer):
    assert answer.code == 2
    assert answer.json == {"error": answer.error, "exit_code": 2}
    assert "Traceback" not in answer.err
    return answer.error


def test_prepare_leaves_nothing_and_goes_through_when_there_is_room(semtune, disk, toy_model, toy_folder):
    folder = disk(40)
    words = ["prepare", toy_folder, "-o", folder / "set", "--model", toy_model, "--json"]
    error = refused(semtune(*words))
    assert error.startswith(f"Cannot write {folder}/.set.")
    assert NO_SPACE in error
    assert list(folder.iterdir()) == []
    disk(1000)
    assert semtune(*words).code == 0
    assert len(datasets.load(folder / "set").corpus) == 60


@pytest.mark.parametrize("kilobytes", [12, 24])  # the documents do not fit; the vectors do not
def test_index_keeps_the_old_one(semtune, disk, done, tmp_path, kilobytes):
    folder = disk(1000)
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text('{"_id": "x", "title": "", "text": "the old one"}\n')
    assert semtune("index", done, corpus, "-o", folder / "index").code == 0
    old = (folder / "index" / "manifest.json").read_bytes()
    used = sum(-(-path.stat().st_size // 4096) * 4 for path in (folder / "index").iterdir())
    disk(used + kilobytes)
    words = ["index", done, done, "-o", folder / "index", "--json"]
    assert "no space is left on the disk" in refused(semtune(*words))
    assert [path.name for path in folder.iterdir()] == ["index"]
    assert (folder / "index" / "manifest.json").read_bytes() == old
    (hit,) = semtune("search", folder / "index", "old", "--json").json["hits"]
    assert hit["text"] == "the old one"
    disk(1000)
    assert semtune(*words).json["count"] == 60


@pytest.mark.slow
def test_train_makes_no_model_and_continues_when_there_is_room(semtune, disk, done, toy_model):
    folder = disk(300)
    words = ["train", done, "--model", toy_model, "-o", folder / "tuned", "--set", "max_steps=2", "--json"]
    error = refused(semtune(*words))
    assert "space is left on the disk" in error or f"The disk under {folder}" in error
    assert [path.name for path in folder.iterdir()] == [".tuned.training"]
    disk(8000)
    answer = semtune(*words)
    assert answer.code == 0, answer.err
    assert answer.json["plan"]["steps"] == 2
    assert [path.name for path in folder.iterdir()] == ["tuned"]


@pytest.mark.slow
def test_a_run_keeps_what_was_finished_and_continues_when_there_is_room(semtune, disk, config):
    folder = disk(300)
    path = config(runs_dir=str(folder), evaluate={"gate": True, "min_queries": 99})  # stop before the index
    refused(semtune("run", path, "--json"))
    run = RunDirectory(folder / "toy")
    assert [run.damage(step) for step in ("prepare", "train")] == ["", "has not run yet"]
    manifest = json.loads((folder / "toy" / "manifest.json").read_text())
    assert [step["step"] for step in manifest["steps"]] == ["prepare"]
    disk(8000)
    answer = semtune("run", path, "--json")
    assert [(step["step"], step["status"]) for step in answer.json["steps"]] == [
        ("prepare", "unchanged"),
        ("train", "done"),
        ("export", "done"),
        ("evaluate", "done"),
    ]
    assert answer.json["verdict"] == "cannot-judge"


def test_a_run_that_cannot_even_begin_says_so(semtune, disk, config):
    folder = disk(4)
    (folder / "filler").write_bytes(b"x" * 4096)
    error = refused(semtune("run", config(runs_dir=str(folder)), "--json"))
    assert "no space is left on the disk" in error
