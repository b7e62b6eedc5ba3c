"""The grades that people gave: a file to which every act is appended, and that no kill can harm.

`labels.jsonl` holds one JSON object a line, the first of which has the format. An act is one line: grades given to
answers of one question, a question typed in, or the undoing of an earlier act. A line is written under a lock and
flushed to the disk before anybody is told that it is stored. A line that a kill cut short is skipped and counted.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from semtune import formats
from semtune.errors import RunLockedError
from semtune.io import storage_errors
from semtune.label.words import HIGHEST
from semtune.locks import holder, lock_file
from semtune.text import key, one_line

FILE, LOCK, KIND = "labels.jsonl", "labels.lock", "semtune-labels"
PATIENCE = 20.0  # seconds to wait for another process's line


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that a person did.

    Attributes:
        id: unique.
        judge: the person's name.
        question: its text.
        grades: document id → grade; empty where a question was typed in.
        contents: document id → hash of the passage as it was judged.
    """

    id: str
    judge: str
    question: str
    grades: Mapping[str, int] = field(default_factory=dict)
    contents: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The grade that one person gave to one answer of a question."""

    question: str
    document: str
    grade: int
    judge: str
    content: str


def judge_name(text: str) -> str:
    """A name without superfluous spaces."""
    return one_line(text)


class GradeStore:
    """The acts in a folder's `labels.jsonl`. Safe to use from many threads and processes."""

    def __init__(self, folder: Path) -> None:
        """Read what is there; the folder is made when something is stored.

        Raises:
            InputError: the file is of a later format, or not of this kind.
        """
        self.path = folder / FILE
        self.damaged = 0
        self._acts: dict[str, Act] = {}
        self._undone: set[str] = set()
        self._read_to = 0
        self._mutex = threading.RLock()
        self.refresh()

    @property
    def version(self) -> int:
        """A number that changes with every act that is read."""
        return self._read_to

    def refresh(self) -> None:
        """Read what other processes have added since."""
        with self._mutex:
            if not self.path.is_file():
                return
            with self.path.open("rb") as lines:
                lines.seek(self._read_to)
                for line in lines:
                    if not line.endswith(b"\n"):  # being written
                        return
                    self._apply(line, first=self._read_to == 0)
                    self._read_to += len(line)

    def give(self, judge: str, question: str, grades: Mapping[str, int], contents: Mapping[str, str]) -> Act:
        """Store grades for answers of one question, as one act."""
        return self._append("grade", Act(_new_id(), judge, question, dict(grades), dict(contents)))

    def ask(self, judge: str, question: str) -> Act:
        """Store a question that was typed in."""
        return self._append("question", Act(_new_id(), judge, question))

    def undo(self, judge: str) -> Act | None:
        """Take back the last act of a person that was not taken back yet; None if there is none."""
        with self._mutex, self._held():
            self.refresh()
            last = next((act for act in reversed(self.acts()) if key(act.judge) == key(judge)), None)
            if last is not None:
                self._write({"kind": "undo", "act": last.id, "judge": judge, "time": _now()})
                self.refresh()
            return last

    def acts(self) -> list[Act]:
        """All acts that count, in their order."""
        with self._mutex:
            return [act for act in self._acts.values() if act.id not in self._undone]

    def typed(self) -> list[str]:
        """The questions that were typed in."""
        return list(dict.fromkeys(act.question for act in self.acts() if not act.grades))

    def judgements(self) -> list[Judgement]:
        """The last grade of every person for every answer."""
        found: dict[tuple[str, str, str], Judgement] = {}
        for act in self.acts():
            for document, grade in act.grades.items():
                found[key(act.question), document, key(act.judge)] = Judgement(
                    act.question, document, grade, act.judge, act.contents.get(document, "")
                )
        return list(found.values())

    def _append(self, kind: str, act: Act) -> Act:
        row: dict[str, Any] = {"kind": kind, "id": act.id, "time": _now(), "judge": act.judge, "question": act.question}
        if act.grades:
            row |= {"grades": act.grades, "contents": act.contents}
        with self._mutex, self._held():
            self._write(row)
            self.refresh()
        return act

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        """Hold the lock between processes; another one holds it only for the time of a line."""
        with storage_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        until = time.monotonic() + PATIENCE
        while True:
            with contextlib.ExitStack() as stack:
                with storage_errors(self.path):
                    ours = stack.enter_context(lock_file(self.path.with_name(LOCK)))
                if ours:
                    yield
                    return
            if time.monotonic() > until:
                raise RunLockedError(
                    f"Another process (pid {holder(self.path.with_name(LOCK)) or 'unknown'}) does not let go of "
                    f"{self.path}. The grade was not stored; stop that process and grade again."
                )
            time.sleep(0.01)

    def _write(self, row: Mapping[str, Any]) -> None:
        """Append a line and wait until it is on the disk; a line that cannot be written whole is taken back."""
        with storage_errors(self.path), self.path.open("a+b") as out:
            size = out.seek(0, os.SEEK_END)
            lines = b"" if size else _line(formats.LABELS.stamp({"kind": KIND}))
            if size:
                out.seek(size - 1)
                lines = b"" if out.read(1) == b"\n" else b"\n"  # a kill cut the last line short
            try:
                out.write(lines + _line(row))
                out.flush()
                os.fsync(out.fileno())
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(out.fileno(), size)
                raise
        if not size:
            _sync_folder(self.path.parent)

    def _apply(self, line: bytes, *, first: bool) -> None:
        try:
            row = json.loads(line)
            kind = row["kind"]
        except (ValueError, KeyError, TypeError):
            self.damaged += 1
            return
        if first or kind == KIND:
            formats.LABELS.read({**row, "kind": kind} if kind == KIND else {}, self.path)
        elif kind == "undo":
            self._undone.add(str(row.get("act")))
        elif kind in {"grade", "question"}:
            self._add(row)

    def _add(self, row: Mapping[str, Any]) -> None:
        try:
            grades = {str(document): _grade(grade) for document, grade in row.get("grades", {}).items()}
            act = Act(str(row["id"]), str(row["judge"]), str(row["question"]), grades, dict(row.get("contents", {})))
        except (KeyError, TypeError, ValueError, AttributeError):
            self.damaged += 1
            return
        self._acts[act.id] = act


def _line(row: Mapping[str, Any]) -> bytes:
    return (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8")


def _grade(value: Any) -> int:
    if isinstance(value, bool) or value not in range(HIGHEST + 1):
        raise ValueError(f"{value!r} is not a grade")
    return int(value)


def _new_id() -> str:
    return uuid.uuid4().hex[:16]


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _sync_folder(folder: Path) -> None:
    """Let the disk know of a new file; systems that cannot open folders do without."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
