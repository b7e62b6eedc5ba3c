"""The classes that texts are put into: their names, and the words that describe them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from semtune.errors import InputError
from semtune.prepare.drop_log import BadRows, Tally
from semtune.prepare.readers.tables.table_reader import is_table, open_table
from semtune.text import label_in_words

MAX_CLASSES = 10_000
NAMED = 3
NAME_COLUMNS, WORDS_COLUMNS = ("label", "class", "name", "category"), ("description", "text", "words")


@dataclass(frozen=True, slots=True)
class Classes:
    """Name of each class → the texts that describe it, at least one."""

    described: Mapping[str, tuple[str, ...]]

    @property
    def names(self) -> list[str]:
        """The names, in the order in which they were given."""
        return list(self.described)

    def words(self) -> tuple[list[str], list[int]]:
        """All descriptions, and the number of the class that each belongs to."""
        pairs = [(text, number) for number, name in enumerate(self.names) for text in self.described[name]]
        return [text for text, _ in pairs], [number for _, number in pairs]


def parse_classes(given: str) -> Classes:
    """Classes from the command line: `a,b,c`, `a=words that describe it;other words,b`, or a file.

    A file is a table with the columns label and description, several rows a class, or has a class a line.

    Raises:
        InputError: there are fewer than two, too many, or two that differ by case or space only.
    """
    path = Path(given)
    if "," not in given and path.suffix and path.is_file():
        return from_rows(_table_rows(path) if is_table(path) else _line_rows(path))
    if "," not in given and path.suffix in {".csv", ".tsv", ".txt", ".jsonl"}:
        raise InputError(f"--labels {given}: there is no such file. Give names separated by commas, or a file.")
    rows: list[tuple[str, str]] = []
    for part in given.split(","):
        name, _, words = part.partition("=")
        rows += [(name.strip(), each.strip()) for each in words.split(";")] if words.strip() else [(name.strip(), "")]
    return from_rows(rows)


def from_rows(rows: Sequence[tuple[str, str]]) -> Classes:
    """Classes from rows of name and description; an empty description stands for the name itself.

    Raises:
        InputError: see `parse_classes`.
    """
    described: dict[str, dict[str, None]] = {}
    for name, words in rows:
        if not name:
            raise InputError("A class has no name. Give names separated by commas, such as --labels 'bug,question'.")
        described.setdefault(name, {})[words or label_in_words(name) or name] = None
    if len(described) < 2:
        raise InputError(f"{len(described)} class was given, and at least two are needed to tell texts apart.")
    if len(described) > MAX_CLASSES:
        raise InputError(f"{len(described):,} classes were given; at most {MAX_CLASSES:,} are allowed.")
    check_names(list(described))
    return Classes({name: tuple(words) for name, words in described.items()})


def check_names(names: Sequence[str]) -> None:
    """Refuse names that differ by case or white space only: they are one class, misspelled.

    Raises:
        InputError: the message names them.
    """
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(" ".join(name.casefold().split()), name)
        if other != name:
            raise InputError(
                f"The classes {other!r} and {name!r} differ by case or space only. Write them alike, or give them "
                "names that differ."
            )


def _line_rows(path: Path) -> list[tuple[str, str]]:
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return [(line.strip(), "") for line in lines if line.strip()]


def _table_rows(path: Path) -> list[tuple[str, str]]:
    opened = open_table(path, {}, BadRows(path.name, Tally()))
    name, words = _column(opened.columns, NAME_COLUMNS), _column(opened.columns, WORDS_COLUMNS)
    if name is None:
        listed = ", ".join(opened.columns)
        raise InputError(f"{path} has no column {NAME_COLUMNS[0]!r}; its columns are {listed}. Name one so.")
    return [(str(row.get(name) or "").strip(), str(row.get(words) or "").strip() if words else "")
            for _, row in opened.rows]  # fmt: skip


def _column(columns: Sequence[str], names: Sequence[str]) -> str | None:
    by_name = {column.strip().lower(): column for column in columns}
    return next((by_name[name] for name in names if name in by_name), None)
