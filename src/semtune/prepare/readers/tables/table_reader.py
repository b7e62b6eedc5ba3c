"""A table as columns and rows, from any file format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from semtune.errors import InputError, nearest
from semtune.prepare.drop_log import BadRows, Tally
from semtune.prepare.readers.files.unpack import suffix_of
from semtune.prepare.readers.tables.columnar import read_arrow, read_parquet
from semtune.prepare.readers.tables.delimited import Row, csv_rows, find_layout, load_decoded
from semtune.prepare.readers.tables.json_values import json_values
from semtune.prepare.readers.tables.nested_json import read_json_table
from semtune.prepare.readers.tables.parallel_text import is_parallel, read_lines, read_tmx
from semtune.prepare.readers.tables.row_shapes import rows_of, shape_of
from semtune.types import Document

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".arrow", ".tmx")
SAMPLE_ROWS = 100


@dataclass(frozen=True, slots=True)
class OpenTable:
    """A table that is being read.

    Attributes:
        columns: their names.
        rows: (number, row); in text files the line's number.
        header: whether a header row names the columns.
        shape: the format in words, if the suffix does not say it.
        names: column → names of the classes that its numbers stand for.
        documents: those that no row asks for.
        old: whether the file is in an old encoding, so that what looks like mojibake is none.
        typed: whether cells have types; those of CSV files are all text.
    """

    columns: list[str]
    rows: Iterator[tuple[int, Row]]
    header: bool = True
    shape: str = ""
    names: Mapping[str, list[str]] = field(default_factory=dict)
    documents: tuple[Document, ...] = ()
    old: bool = False
    typed: bool = True


def check_column(path: Path, column: str, columns: Sequence[str]) -> None:
    """Refuse the name of a column that a table does not have.

    Raises:
        InputError: the table has no such column.
    """
    if column not in columns:
        raise InputError(f"{path} has no column {column!r}.{nearest(column, columns)} Found: {', '.join(columns)}.")


def is_table(path: Path) -> bool:
    """Whether a file is a table, by its name."""
    return suffix_of(path) in SUFFIXES or is_parallel(path)


def open_table(path: Path, roles: Mapping[str, str], bad: BadRows, limit: int | None = None) -> OpenTable:
    """Find the columns of a table and start reading its rows.

    Args:
        path: the file.
        roles: role → column set by the user; column numbers mean that a CSV or TSV has no header.
        bad: counts the rows that cannot be parsed.
        limit: read only this many bytes, if the format allows it.

    Raises:
        InputError: it is missing, unreadable, empty, or not a table.
    """
    suffix = suffix_of(path)
    if is_parallel(path):
        lines = read_lines(path, bad)
        return replace(_known(lines.rows, "lines of two languages, file beside file"), old=lines.old)
    if suffix == ".tmx":
        return _known(read_tmx(path, bad), "a translation memory")
    if suffix in {".parquet", ".arrow"}:
        found = read_parquet(path) if suffix == ".parquet" else read_arrow(path)
        return replace(_shaped(path, _counted(found.rows, bad), roles, bad, found.columns), names=found.names)
    if suffix == ".json":
        table = read_json_table(path, bad)
        opened = _shaped(path, iter(table.values), roles, bad)
        return replace(opened, shape=table.shape or opened.shape, documents=table.documents, old=table.old)
    found = load_decoded(path, limit, bad.tally)
    if suffix in {".jsonl", ".ndjson"}:
        return replace(_shaped(path, json_values(found.text, bad), roles, bad), old=found.guessed)
    layout = find_layout(found.text, path, roles)
    shape = (
        "triples without a header" if layout.columns == ["query", "positive", "negative"] and not layout.header else ""
    )
    rows = csv_rows(found.text, layout, bad)
    return OpenTable(layout.columns, rows, layout.header, shape, old=found.guessed, typed=False)


def _shaped(
    path: Path, values: Iterator[tuple[int, Any]], roles: Mapping[str, str], bad: BadRows, named: Sequence[str] = ()
) -> OpenTable:
    """The table that values are, whatever their shape; `named` columns are there even if no row has them."""
    first = list(islice(values, SAMPLE_ROWS))
    trial = list(rows_of(first, roles, BadRows(path.name, Tally())))
    shape = next((found for _, value in first if (found := shape_of(value))), "")
    same = trial and trial[0][1] is first[0][1]
    columns = list(named) if named and (same or not trial) else _columns(path, trial, bad)
    shape = "" if same else shape
    return OpenTable(columns, rows_of(chain(first, values), roles, bad), shape=shape)


def _known(rows: Iterator[tuple[int, Row]], shape: str) -> OpenTable:
    return OpenTable(["anchor", "positive"], rows, shape=shape)


def _counted(rows: Iterator[Row], bad: BadRows) -> Iterator[tuple[int, Row]]:
    for number, row in enumerate(rows, start=1):
        bad.row()
        yield number, row


def _columns(path: Path, rows: list[tuple[int, Row]], bad: BadRows) -> list[str]:
    columns: dict[str, None] = {}
    for _, row in rows[:SAMPLE_ROWS]:
        columns.update(dict.fromkeys(row))
    if not columns:
        wrong = f" ({bad.first})" if bad.first else ""
        raise InputError(
            f"{path.absolute()} has no JSON object that can be read{wrong}. Expected objects, e.g. "
            '{"query": …, "document": …}, one per line in .jsonl or in a list in .json.'
        )
    return list(columns)
