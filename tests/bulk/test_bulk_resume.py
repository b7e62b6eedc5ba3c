"""A stopped encoding continues, and what it writes is what an undisturbed one writes, byte for byte."""

import errno
import json
import os
import random
import resource
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from bulk_parts import text_of, write

import semtune
from semtune import EncodeSettings
from semtune.bulk.store import Store
from semtune.errors import ModelError, RunLockedError, StorageError

SMALL = EncodeSettings(rows=50)
OUTS = ["out", "out.npy", "out.parquet"]


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


class Said:
    """A progress that keeps what was said."""

    def __init__(self):
        self.lines = []

    def track(self, task, total=None):
        from semtune.progress import QUIET

        return QUIET.track(task, total)

    def say(self, message):
        self.lines.append(message)

    def status(self, message):
        pass


@pytest.fixture
def lines(tmp_path, texts):
    """A file with good and bad rows, and the results of undisturbed runs."""
    rows = [json.dumps({"id": n, "text": text if n % 97 else n}) for n, text in enumerate(texts)]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_text("\n".join(rows) + "\n")
    return tmp_path / "in" / "a.jsonl"


def encode(static, file, out, settings=SMALL, progress=None):
    return semtune.encode_file(str(static), file, out, settings=settings, progress=progress or Said())


@pytest.fixture
def wanted(static, lines, tmp_path):
    for out in OUTS:
        encode(static, lines, tmp_path / "wanted" / out)
    return contents(tmp_path / "wanted")


def stop_after(monkeypatch, shards, error):
    """Let the writing of a shard fail once so many were written."""
    put = Store.put

    def failing(store, shard, vectors):
        if shard.number == shards:
            raise error
        return put(store, shard, vectors)

    monkeypatch.setattr(Store, "put", failing)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "x"),
        *(pytest.param(e, marks=pytest.mark.slow) for e in (KeyboardInterrupt(), ModelError("x"), RuntimeError("x"))),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_finished_is_not_done_again(static, lines, wanted, tmp_path, monkeypatch, error):
    folder = tmp_path / "found"
    for out in OUTS:
        with monkeypatch.context() as patch:
            stop_after(patch, 7, error)
            with pytest.raises(StorageError if isinstance(error, OSError) else type(error)):
                encode(static, lines, folder / out)
        assert not (folder / out).exists()
        work = folder / f".{out}.work"
        finished = sorted(path for path in (work / "shards").iterdir())
        assert len(finished) == 7
        if out != "out.parquet":  # what was written can be used as it is
            assert np.load(finished[0]).shape == (50, 24)
        made = encode(static, lines, folder / out)
        assert (made.resumed, made.shards) == (7, 20)
        assert not work.exists()
    assert contents(folder) == wanted


@pytest.mark.slow
def test_a_full_disk_is_told_and_the_same_command_continues(static, lines, wanted, tmp_path):
    """The largest file that this process may write is smaller than the joined array."""
    code = textwrap.dedent("""
        import resource, sys
        import semtune
        from semtune import EncodeSettings
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), resource.RLIM_INFINITY))
        try:
            semtune.encode_file(sys.argv[1], sys.argv[2], sys.argv[3], settings=EncodeSettings(rows=50))
        except semtune.StorageError as error:
            print(error)
            sys.exit(2)
    """)
    out = tmp_path / "found" / "out.npy"
    for limit, finished in ((3000, 0), (9000, 20)):
        done = subprocess.run(
            [sys.executable, "-c", code, static, lines, out, str(limit)], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 2, done.stderr
        assert "Free some space or choose another place. Finished work is kept; run the same command" in done.stdout
        assert len(list((tmp_path / "found" / ".out.npy.work" / "notes").glob("*.json"))) == finished
        assert not out.exists()
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    assert encode(static, lines, out).resumed == 20
    assert out.read_bytes() == wanted["out.npy"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("input", "the file"),
        ("role", "the role"),
        ("rows", "the number of texts a shard"),
        ("column", "the column or the reading of the file"),
        ("model", "the model"),
        ("text", "the columns of the result"),
    ],
)
def test_what_was_made_from_something_else_is_not_used(
    static, lines, tmp_path, monkeypatch, toy_model, change, said
):  # fmt: skip
    settings, file, model, out = SMALL, lines, static, tmp_path / "out.parquet"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("\n".join(json.dumps({**row, "body": f"more {row['text']}"}) for row in rows))
    settings = settings.replace(column="text")
    with monkeypatch.context() as patch:
        stop_after(patch, 5, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            encode(model, file, out, settings)
    if change == "input":
        file.write_text(file.read_text().replace("kettle", "cattle"))
    elif change == "model":
        import shutil

        from semtune.tensors import read_tensor

        model = shutil.copytree(static, tmp_path / "other")
        from safetensors.numpy import save_file

        table = read_tensor(static / "model.safetensors", "embedding.weight")
        save_file({"embedding.weight": np.ascontiguousarray(table[::-1])}, model / "model.safetensors")
    else:
        changes = {"role": "query", "rows": 60, "column": "body", "text": True}
        settings = settings.replace(**{"keep_text" if change == "text" else change: changes[change]})
    heard = Said()
    made = encode(model, file, out, settings, heard)
    assert made.resumed == 0
    assert heard.lines == [f"out.parquet is begun anew: {said} changed since it was stopped."]
    fresh = encode(model, file, tmp_path / "fresh.parquet", settings)
    assert (tmp_path / "fresh.parquet").read_bytes() == out.read_bytes()
    assert (fresh.texts, fresh.resumed) == (made.texts, 0)


def test_a_damaged_shard_is_made_again(static, lines, wanted, tmp_path, monkeypatch):
    out = tmp_path / "found" / "out"
    with monkeypatch.context() as patch:
        stop_after(patch, 9, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            encode(static, lines, out)
    work = out.with_name(".out.work")
    (work / "shards" / "00003.npy").write_bytes(b"short")
    (work / "notes" / "00004.json").write_text("{}")
    (work / "notes" / "00005.json").write_text('{"number": 5, "unread_lines": []}')
    (work / "shards" / "00006.npy").unlink()
    (work / "shards" / ".00007.npy.x81").write_bytes(b"of a killed write")
    assert encode(static, lines, out).resumed == 5
    assert {f"out/{name}": data for name, data in contents(out).items()} == {
        name: data for name, data in wanted.items() if name.startswith("out/")
    }


def test_two_at_a_time_are_refused(static, lines, tmp_path, monkeypatch):
    put = Store.put
    refused = []

    def again(store, shard, vectors):
        if not refused:
            with pytest.raises(RunLockedError, match="Another process is writing") as error:
                encode(static, lines, tmp_path / "out.npy")
            refused.append(error)
        return put(store, shard, vectors)

    monkeypatch.setattr(Store, "put", again)
    encode(static, lines, tmp_path / "out.npy")
    assert len(refused) == 1


KILLED_IN = {
    "survey": ("semtune.bulk.job", "survey", "before"),
    "shard": ("semtune.bulk.store.Store", "put", "before"),
    "record": ("semtune.bulk.store", "asdict", "before"),
    "rows": ("semtune.bulk.outputs", "_write_rows", "after"),
    "join": ("semtune.bulk.outputs", "_append", "after"),
    "manifest": ("semtune.bulk.manifest", "write", "after"),
    "tables": ("semtune.bulk.outputs", "_write_tables", "after"),
    "move": ("semtune.bulk.outputs", "replace_folder", "before"),
    "moved": ("semtune.bulk.outputs", "replace_folder", "after"),
}


@pytest.mark.slow
def test_a_kill_at_every_turn(static, lines, wanted, tmp_path):
    """One process after another is killed where it does one thing for the n-th time; each continues the last one's."""
    code = textwrap.dedent("""
        import os, pkgutil, signal, sys
        import numpy, pyarrow.parquet
        import semtune, semtune.bulk.job, semtune.bulk.outputs, semtune.bulk.store, semtune.bulk.manifest
        from pathlib import Path
        from semtune import EncodeSettings

        model, file, *points = sys.argv[1:]
        for point in points:
            place, name, when, number, out = point.split("|")
            child = os.fork()
            if child == 0:
                owner, calls = pkgutil.resolve_name(place), []
                plain = getattr(owner, name)

                def deadly(*words, **named):
                    calls.append(1)
                    if len(calls) == int(number) and when == "before":
                        os.kill(os.getpid(), signal.SIGKILL)
                    result = plain(*words, **named)
                    if len(calls) == int(number):
                        os.kill(os.getpid(), signal.SIGKILL)
                    return result

                setattr(owner, name, deadly)
                semtune.encode_file(model, file, Path(out), settings=EncodeSettings(rows=50))
                os._exit(0)
            status = os.waitpid(child, 0)[1]
            print(os.WTERMSIG(status), os.WEXITSTATUS(status), flush=True)
    """)
    folder = tmp_path / "found"
    points, names = [], []
    for out in OUTS:
        ways = {
            "out": ["survey", "shard", "record", "shard", "manifest", "move", "rows", "moved"],
            "out.npy": ["shard", "record", "join", "rows"],
            "out.parquet": ["record", "shard", "tables"],
        }[out]
        for turn, way in enumerate(ways):
            place, name, when = KILLED_IN[way]
            number = {"shard": 4 + turn, "record": 3, "join": 11, "tables": 15}.get(way, 1)
            points.append(f"{place}|{name}|{when}|{number}|{folder / out}")
            names.append((out, way))
    done = subprocess.run(
        [sys.executable, "-c", code, static, lines, *points], capture_output=True, text=True, timeout=200
    )
    ends = [line.split() for line in done.stdout.splitlines()]
    assert {name: end for name, end in zip(names, ends, strict=True) if end != ["9", "0"]} == {}, done.stderr
    for out in OUTS:  # the folder was whole and in place when its last process was killed; it is made once more
        assert encode(static, lines, folder / out).resumed == (0 if out == "out" else 20)
    assert contents(folder) == wanted
    assert sorted(path.name for path in folder.iterdir()) == sorted([*OUTS, "out.rows.npy"])


@pytest.mark.slow
@pytest.mark.parametrize("out", OUTS)
def test_a_kill_at_ten_random_moments(static, tmp_path, out):
    file = write(tmp_path / "a.txt.gz", [text_of(number) for number in range(60_000)])
    command = [sys.executable, "-m", "semtune", "encode", static, file, "-o", tmp_path / "found" / out, "--rows", "500"]
    work, dice = tmp_path / "found" / f".{out}.work" / "notes", random.Random(7)
    resumed = []
    for _ in range(10):
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
        before = len(list(work.glob("*.json")))
        while process.poll() is None and len(list(work.glob("*.json"))) < before + dice.randint(2, 12):
            time.sleep(0.002)
        time.sleep(dice.random() / 50)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        resumed.append(before)
    done = subprocess.run([*map(str, command), "--json"], capture_output=True, text=True, timeout=100)
    found = json.loads(done.stdout)
    assert (found["texts"], found["shards"]) == (60_000, 120)
    assert sorted(set(resumed)) == resumed
    assert found["resumed"] > 20
    encode(static, file, tmp_path / "wanted" / out, EncodeSettings(rows=500))
    assert contents(tmp_path / "found") == contents(tmp_path / "wanted")


@pytest.mark.slow
def test_ctrl_c_says_how_to_continue(static, tmp_path):
    file = write(tmp_path / "a.txt", [text_of(number) for number in range(60_000)])
    command = [sys.executable, "-m", "semtune", "encode", static, file, "-o", tmp_path / "out.npy", "--rows", "500"]
    process = subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    )
    while process.poll() is None and len(list((tmp_path / ".out.npy.work" / "notes").glob("*.json"))) < 5:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "stopped. Finished work is kept; the same command continues from there." in said
    assert encode(static, file, tmp_path / "out.npy", EncodeSettings(rows=500)).resumed >= 5
