"""The input of a bulk encoding: what kind of file it is, and which of its columns is embedded."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from semtune.bulk.lines import read_beginning
from semtune.bulk.packed_parquet import parquet_rows
from semtune.errors import ConfigError, InputError
from semtune.prepare.drop_log import BadRows, Tally
from semtune.prepare.readers.files.unpack import suffix_of
from semtune.prepare.readers.tables.column_roles import ALIASES
from semtune.prepare.readers.tables.column_texts import text_column
from semtune.prepare.readers.tables.delimited import Layout, Row, csv_rows, find_layout
from semtune.prepare.readers.tables.json_values import IGNORED, json_values, plain_json
from semtune.prepare.readers.tables.row_shapes import shape_of
from semtune.prepare.readers.tables.table_reader import SAMPLE_ROWS, check_column, is_table, open_table

MANY_ROWS = 2_000  # of JSON lines; some have columns that others lack
Kind = Literal["lines", "jsonl", "csv", "parquet", "arrow", "table"]


@dataclass(frozen=True, slots=True)
class Source:
    """An input file.

    Attributes:
        path: of the file.
        kind: "lines", a text a line; "jsonl", "csv", "parquet" and "arrow", which are read as a stream; "table", any
            other table, which is read whole.
        column: that is embedded; empty for lines.
        id_column: with the rows' ids; empty if there is none.
        encoding: of a text file.
        old: it is in an old encoding, so that what looks like mojibake is none.
        layout: of a CSV file.
        warnings: about the file.
    """

    path: Path
    kind: Kind
    column: str = ""
    id_column: str = ""
    encoding: str = "utf-8"
    old: bool = False
    layout: Layout = field(default_factory=lambda: Layout([]))
    warnings: tuple[str, ...] = ()

    @property
    def facts(self) -> dict[str, Any]:
        """What decides which texts are read from the file's bytes."""
        return {"kind": self.kind, "column": self.column, "encoding": self.encoding}


def open_source(path: Path, column: str = "") -> Source:
    """Find out how to read a file, from its beginning.

    Args:
        path: of the file.
        column: of a table, to embed; empty: the one that holds the text.

    Raises:
        InputError: it is missing, empty or unreadable, or it is unclear which column to embed.
        ConfigError: a column was named, but the file has none.
    """
    if not path.is_file():
        raise InputError(f"{path.resolve()} does not exist or is not a file.")
    suffix = suffix_of(path)
    if not is_table(path):
        if column:
            raise ConfigError(f"--column is for tables; {path} is read as one text a line.")
        head = read_beginning(path, table=False)
        return Source(path, "lines", encoding=head.encoding, old=head.old, warnings=_some(head.warning))
    if suffix in {".csv", ".tsv"}:
        return _csv(path, column)
    if suffix in {".jsonl", ".ndjson"} and (found := _jsonl(path, column)):
        return found
    streamed: Kind = "parquet" if suffix == ".parquet" else "arrow" if suffix == ".arrow" else "table"
    return _other_table(path, column, streamed)


def _csv(path: Path, column: str) -> Source:
    head = read_beginning(path, table=True)
    layout = find_layout(head.text, path)
    bad = BadRows(path.name, Tally())
    sample = [row for _, row in islice(csv_rows(head.text, layout, bad), SAMPLE_ROWS)]
    return Source(
        path, "csv", *_columns(path, layout.columns, sample, column), head.encoding, head.old, layout,
        _some(head.warning),
    )  # fmt: skip


def _jsonl(path: Path, column: str) -> Source | None:
    """A file with an object a line; None if its beginning has another shape, which is read whole."""
    head = read_beginning(path, table=True)
    given = (bare for line in io.StringIO(head.text) if (bare := line.strip()) not in IGNORED)
    lines = list(islice(given, MANY_ROWS))
    rows = [value for line in lines if isinstance(value := _parsed(line), dict)]
    if not rows or any(map(shape_of, rows)) or (len(rows) < len(lines) and _spread(head.text) > len(rows)):
        return None
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return Source(
        path,
        "jsonl",
        *_columns(path, columns, rows[:SAMPLE_ROWS], column),
        head.encoding,
        head.old,
        warnings=_some(head.warning),
    )


def _spread(text: str) -> int:
    """How many objects there are if one may stand on several lines, and several on one."""
    values = islice(json_values(text, BadRows("", Tally())), MANY_ROWS)
    return sum(isinstance(value, dict) for _, value in values)


def _parsed(line: str) -> Any:
    try:
        return plain_json(line)
    except (ValueError, RecursionError):
        return None


def _other_table(path: Path, column: str, kind: Kind) -> Source:
    tally = Tally()
    if kind == "parquet":
        found = parquet_rows(path)
        columns, sample, old = found.columns, list(islice(found.rows, SAMPLE_ROWS)), False
    else:
        opened = open_table(path, {}, BadRows(path.name, tally))
        columns, sample, old = opened.columns, [row for _, row in islice(opened.rows, SAMPLE_ROWS)], opened.old
    if not sample:
        raise InputError(f"{path} is empty. Give a file with at least one text.")
    return Source(path, kind, *_columns(path, columns, sample, column), old=old, warnings=tuple(tally.warnings))


def _columns(path: Path, columns: Sequence[str], sample: list[Row], column: str) -> tuple[str, str]:
    """The columns with the text and with the ids."""
    if column:
        check_column(path, column, columns)
    chosen = column or text_column(path, list(columns), sample)
    named = {str(name).strip().lower(): name for name in reversed(columns) if name != chosen}
    ids = next((named[alias] for alias in ALIASES["id"] if alias in named), "")
    return chosen, ids


def _some(warning: str) -> tuple[str, ...]:
    return (warning,) if warning else ()


def id_of(row: Mapping[str, Any], column: str) -> str | None:
    """A row's id as text; None if it has none."""
    value = row.get(column)
    if value is None or value == "" or isinstance(value, bool | dict | list):
        return None
    return str(value)
