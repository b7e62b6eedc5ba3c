"""The file of grades: nothing is lost by kills, by two processes, by undoing, or by a rebuilt index."""

import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from semtune.errors import InputError, StorageError
from semtune.label.grades import GradeStore


def rows(folder):
    return [json.loads(line) for line in (folder / "labels.jsonl").read_text(encoding="utf-8").splitlines()]


def grades(store):
    return {(one.judge, one.question, one.document): one.grade for one in store.judgements()}


def test_an_act_is_a_line_and_another_process_reads_it(tmp_path):
    store, other = GradeStore(tmp_path / "x"), GradeStore(tmp_path / "x")
    assert not (tmp_path / "x").exists()
    store.give("Zoë", "Wo ist es?", {"a": 3, "b": 0}, {"a": "h1", "b": "h2"})
    head, row = rows(tmp_path / "x")
    assert head == {"format": "1.0", "kind": "semtune-labels"}
    assert (row["kind"], row["judge"], row["question"], row["grades"]) == (
        "grade",
        "Zoë",
        "Wo ist es?",
        {"a": 3, "b": 0},
    )
    other.refresh()
    assert grades(other) == grades(store) == {("Zoë", "Wo ist es?", "a"): 3, ("Zoë", "Wo ist es?", "b"): 0}
    other.give("Zoë", "wo ist  es?", {"a": 1}, {"a": "h1"})
    store.refresh()
    assert sorted(grades(store).values()) == [0, 1]  # the later grade counts; case and spaces do not


def test_undo_takes_back_the_persons_last_act_and_is_a_line_itself(tmp_path):
    store = GradeStore(tmp_path)
    store.give("A", "q", {"d": 1}, {})
    store.give("A", "q", {"d": 2, "e": 0}, {})
    store.give("B", "q", {"d": 3}, {})
    assert store.undo("a").grades == {"d": 2, "e": 0}
    assert grades(store) == {("A", "q", "d"): 1, ("B", "q", "d"): 3}
    assert store.undo("A").grades == {"d": 1}
    assert store.undo("A") is None
    assert [row["kind"] for row in rows(tmp_path)[1:]] == ["grade"] * 3 + ["undo"] * 2
    assert grades(GradeStore(tmp_path)) == {("B", "q", "d"): 3}
    store.ask("A", "typed?")
    assert GradeStore(tmp_path).typed() == ["typed?"]
    store.undo("A")
    assert GradeStore(tmp_path).typed() == []


def test_a_line_cut_short_by_a_kill_is_skipped_and_counted(tmp_path):
    GradeStore(tmp_path).give("A", "q", {"d": 1}, {})
    whole = (tmp_path / "labels.jsonl").read_bytes()
    for cut in (1, 20, 60):
        (tmp_path / "labels.jsonl").write_bytes(whole + whole.splitlines()[1][:-cut])
        store = GradeStore(tmp_path)
        assert (grades(store), store.damaged) == ({("A", "q", "d"): 1}, 0)  # it may still be being written
        store.give("A", "q", {"e": 2}, {})
        again = GradeStore(tmp_path)
        assert (grades(again), again.damaged) == ({("A", "q", "d"): 1, ("A", "q", "e"): 2}, 1)


@pytest.mark.parametrize(
    "line", ["[]", "null", "{", '{"kind": "grade"}', '{"kind": "grade", "id": "x", "judge": "A", "question": "q", "grades": {"d": 4}}',
             '{"kind": "grade", "id": "x", "judge": "A", "question": "q", "grades": {"d": true}}']
)  # fmt: skip
def test_a_damaged_line_is_counted(tmp_path, line):
    GradeStore(tmp_path).give("A", "q", {"d": 1}, {})
    with (tmp_path / "labels.jsonl").open("a") as out:
        out.write(line + "\n")
    store = GradeStore(tmp_path)
    assert (grades(store), store.damaged) == ({("A", "q", "d"): 1}, 1)


def test_another_file_and_a_later_format_are_refused(tmp_path):
    (tmp_path / "labels.jsonl").write_text('{"kind": "grade"}\n')
    with pytest.raises(InputError, match="is not a file of labels: it has no format number"):
        GradeStore(tmp_path)
    (tmp_path / "labels.jsonl").write_text('{"kind": "semtune-labels", "format": "2.0"}\n')
    with pytest.raises(InputError, match=r"format 2\.0, which is newer"):
        GradeStore(tmp_path)


def test_a_full_disk_is_told_and_leaves_no_half_line(tmp_path, monkeypatch):
    store = GradeStore(tmp_path)
    store.give("A", "q", {"d": 1}, {})
    before = (tmp_path / "labels.jsonl").read_bytes()

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="no space is left"):
        store.give("A", "q", {"d": 2}, {})
    monkeypatch.undo()
    assert (tmp_path / "labels.jsonl").read_bytes() == before
    assert grades(GradeStore(tmp_path)) == {("A", "q", "d"): 1}


WRITER = textwrap.dedent("""
    import sys
    from pathlib import Path
    from semtune.label.grades import GradeStore

    store = GradeStore(Path(sys.argv[1]))
    for number in range(int(sys.argv[3])):
        store.give(sys.argv[2], "q", {f"d{number}": number % 4}, {})
        print(number, flush=True)
""")


def writer(folder, judge, count):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), judge, str(count)], stdout=subprocess.PIPE, text=True
    )


def test_two_processes_write_at_once_and_no_line_is_lost(tmp_path):
    running = [writer(tmp_path, judge, 40) for judge in ("A", "B")]
    for process in running:
        process.communicate(timeout=120)
        assert process.returncode == 0
    store = GradeStore(tmp_path)
    assert store.damaged == 0
    assert grades(store) == {(judge, "q", f"d{n}"): n % 4 for judge in "AB" for n in range(40)}
    assert len(rows(tmp_path)) == 81


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
def test_what_was_told_to_be_stored_survives_a_kill(tmp_path):
    process = writer(tmp_path, "A", 10_000)
    for _ in range(15):
        said = process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate(timeout=60)
    last = int((rest.split() or [said])[-1])
    found = grades(GradeStore(tmp_path))
    assert len(found) >= last + 1
    store = GradeStore(tmp_path)
    store.give("B", "q", {"d": 3}, {})  # the lock is free again
    assert len(GradeStore(tmp_path).judgements()) == len(found) + 1
