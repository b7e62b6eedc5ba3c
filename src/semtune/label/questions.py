"""Questions from files: lists, tables, data sets, query logs and feedback. Equal ones are merged and counted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from semtune.errors import InputError
from semtune.prepare.drop_log import BadRows, Tally, by_reason
from semtune.prepare.readers.files.unpack import suffix_of
from semtune.prepare.readers.tables.delimited import load_text
from semtune.prepare.readers.tables.table_reader import check_column, is_table, open_table
from semtune.text import key, one_line, short_id

QUESTION = ("question", "query", "anchor", "q", "search", "search_query", "search_term", "questions", "queries")
TEXT = ("text", "prompt", "claim", "title", "content")
COUNT = ("count", "frequency", "times", "asked")
NO = frozenset({"false", "0", "no"})
MAX_QUESTION = 2_000  # characters
EMPTY, LONG = "empty question", "question longer than 2,000 characters"
HALF, NO_TEXT = "question with half a character", "question that is not a text"
REQUEST = re.compile(r'"(?:GET|HEAD) (\S*\?\S*) HTTP/')


@dataclass(frozen=True, slots=True)
class Question:
    """A question that people asked.

    Attributes:
        id: the one in the file, or one made of the text.
        text: on one line.
        asked: how often it was asked.
        disliked: how many of its answers were marked as not useful.
        metadata: what else the file says of it.
    """

    id: str
    text: str
    asked: int = 1
    disliked: int = 0
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What equal questions have in common: case and white space do not matter."""
        return key(self.text)


@dataclass(slots=True)
class Questions:
    """The questions of some files, each once.

    Attributes:
        by_key: `Question.key` → question, in the order of the files.
        read: number of questions before equal ones were merged.
        left_out: reason → number of rows that gave no question.
        warnings: about the files.
        ids: of the questions.
    """

    by_key: dict[str, Question] = field(default_factory=dict)
    read: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    @property
    def merged(self) -> int:
        """How many were equal to another one."""
        return self.read - len(self.by_key)

    def add(self, question: Question) -> None:
        """Add a question, or count it where an equal one is known."""
        self.read += 1
        known = self.by_key.get(question.key)
        if known is None:
            unique = _made_id(question.text) if question.id in self.ids else question.id
            self.ids.add(unique)
            self.by_key[question.key] = replace(question, id=unique)
            return
        self.by_key[known.key] = replace(
            known,
            asked=known.asked + question.asked,
            disliked=known.disliked + question.disliked,
            metadata={**question.metadata, **known.metadata},
        )

    def leave_out(self, reason: str, count: int = 1) -> None:
        """Count something left out."""
        if count:
            self.left_out[reason] = self.left_out.get(reason, 0) + count


def read_questions(paths: Iterable[Path], column: str = "") -> Questions:
    """Read the questions of all files.

    Args:
        paths: a text file with a question a line, a table, a data set folder, a web server's log (.log) with requests
            such as `GET /search?q=...`, or what `semtune serve --feedback` wrote.
        column: of tables: the one with the question; empty: the one whose name says so.

    Raises:
        InputError: a file is missing or unreadable, or it is unclear which column holds the question.
    """
    found = Questions()
    for path in paths:
        tally = Tally()
        for row in _rows(_file(path), column, tally):
            question = as_question(row)
            if isinstance(question, str):
                found.leave_out(question)
            else:
                found.add(question)
        for reason, count in by_reason(tally.dropped).items():
            found.leave_out(reason, count)
        found.warnings += tally.warnings
    return found


def as_question(row: Mapping[str, Any]) -> Question | str:
    """The question of a row with "text", and perhaps "id", "asked", "useful" and "metadata"; or why there is none."""
    given = row.get("text")
    if not isinstance(given, str | int | float | None):
        return NO_TEXT
    text = one_line("" if given is None else str(given))
    if not any(map(str.isalnum, text)):
        return EMPTY
    if len(text) > MAX_QUESTION:
        return LONG
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        return HALF
    disliked = str(row.get("useful", "")).strip().lower() in NO
    number = row.get("id")
    name = "" if number is None else str(number).strip()
    return Question(name or _made_id(text), text, row.get("asked", 1), int(disliked), row.get("metadata", {}))


def _made_id(text: str) -> str:
    return short_id("q", text)


def _file(path: Path) -> Path:
    inner = path / "queries.jsonl"
    if path.is_dir() and inner.is_file():
        return inner
    if not path.is_file():
        what = "is a folder without queries.jsonl" if path.is_dir() else "does not exist"
        raise InputError(
            f"{path.absolute()} {what}. Give a file of questions: .txt (one a line), .csv, .jsonl, .json, a .log, or a "
            "data set folder."
        )
    return path


def _rows(path: Path, column: str, tally: Tally) -> Iterator[dict[str, Any]]:
    if is_table(path) and not _one_a_line(path):
        yield from _table(path, column, tally)
        return
    if column:
        raise InputError(f"--column {column!r}: {path} is not a table, so it has no columns. Leave out --column.")
    lines = load_text(path, tally=tally).splitlines()
    asked = [found for line in lines if (found := _requested(line)) is not None] if suffix_of(path) == ".log" else []
    if asked:
        tally.count("requests", len(asked))
        if other := len(lines) - len(asked):
            tally.drop("log line without a search", path.name, other)
    yield from ({"text": line} for line in asked or lines)


def _requested(line: str) -> str | None:
    """The question in a request of a web server's log; None if the line is another one."""
    found = REQUEST.search(line)
    values = parse_qs(urlsplit(found[1]).query, keep_blank_values=True) if found else {}
    return next((values[name][0] for name in ("q", "query") if name in values), None)


def _one_a_line(path: Path) -> bool:
    """Whether a CSV or TSV is a plain list without a header: its only "column" is itself a question."""
    if suffix_of(path) not in {".csv", ".tsv"}:
        return False
    opened = open_table(path, {}, BadRows(path.name, Tally()))
    if len(opened.columns) != 1:
        return False
    name = opened.columns[0].strip()
    return name.endswith("?") or len(name.split()) > 3


def _table(path: Path, column: str, tally: Tally) -> Iterator[dict[str, Any]]:
    bad = BadRows(path.name, tally)
    opened = open_table(path, {}, bad)
    chosen = _question_column(path, opened.columns, column)
    count = _first(opened.columns, COUNT)
    feedback = not {"useful", "kind"}.isdisjoint(opened.columns)  # where the id is that of an answer
    number = _first(opened.columns, ("_id", "query_id", "qid") if feedback else ("_id", "id", "qid"))
    for _, row in opened.rows:
        useful = {"useful": row["useful"]} if "useful" in row else {}
        given = {"id": row.get(number)} if number else {}
        metadata = row.get("metadata")
        held = chosen if chosen in row else _first(list(row), TEXT)  # lines of JSON need not have the same keys
        yield {
            "text": row.get(held), "asked": _whole(row.get(count)) if count else 1, **useful, **given,
            "metadata": dict(metadata) if isinstance(metadata, dict) else {},
        }  # fmt: skip


def _question_column(path: Path, columns: Sequence[str], wanted: str) -> str:
    if wanted:
        check_column(path, wanted, columns)
        return wanted
    if len(columns) == 1:
        return columns[0]
    for names in (QUESTION, TEXT):
        found = [name for name in columns if _plain(name) in names]
        if len(found) == 1 or (found and names is TEXT):
            return min(found, key=lambda name: names.index(_plain(name)))
        if found:
            break
    raise InputError(
        f"{path}: it is unclear which column holds the question. Found: {', '.join(columns)}. Name it, e.g. --column "
        f"{columns[0]}."
    )


def _first(columns: Sequence[str], names: Sequence[str]) -> str:
    return next((column for name in names for column in columns if _plain(column) == name), "")


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def _whole(value: Any) -> int:
    try:
        return max(1, int(float(value)))
    except (TypeError, ValueError, OverflowError):
        return 1
