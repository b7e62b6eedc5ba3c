"""The rows of a source as a stream: their texts, and, counted by reason, those that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from semtune.bulk.lines import open_lines
from semtune.bulk.packed_parquet import parquet_rows
from semtune.bulk.source import Kind, Source, id_of
from semtune.errors import InputError
from semtune.prepare.drop_log import BadRows, Tally
from semtune.prepare.readers.files.unpack import MAX_LINE
from semtune.prepare.readers.tables.cell_values import cell_paragraphs
from semtune.prepare.readers.tables.columnar import read_arrow
from semtune.prepare.readers.tables.delimited import Row, csv_lines
from semtune.prepare.readers.tables.json_values import IGNORED, TOO_LONG, mistake, plain_json
from semtune.prepare.readers.tables.table_reader import check_column, open_table

NO_TEXT = "no text"
NOT_TEXT = "text is not a string"
BROKEN = "text is not valid UTF-8"
SHOWN = 80  # characters


class TextRow(NamedTuple):
    """A text of the input.

    Attributes:
        row: number of the row among all rows of the file, counted from 0, also those that cannot be read.
        line: its place for people: the line in a text file, else the row counted from 1.
        text: as it is embedded.
        id: of the row; None if it has none.
    """

    row: int
    line: int
    text: str
    id: str | None = None


class UnusableError(ValueError):
    """Why a value is no text, and what it is."""


def texts(source: Source, bad: BadRows) -> Iterator[TextRow]:
    """Every text of a source, in its order.

    Args:
        source: the file.
        bad: counts the rows, and those that cannot be read by reason.

    Raises:
        InputError: the file as a whole cannot be read.
    """
    if source.kind == "lines":
        yield from _lines(source, bad)
        return
    for line, row in _ROWS[source.kind](source, bad):
        value = row.get(source.column)
        try:
            text = _text(value, bad, old=source.old)
        except UnusableError as error:
            bad.refuse(line, str(error), _shown(row if value is None else value))
            continue
        yield TextRow(bad.seen - 1, line, text, id_of(row, source.id_column) if source.id_column else None)


def _lines(source: Source, bad: BadRows) -> Iterator[TextRow]:
    for number, line in enumerate(open_lines(source.path, source.encoding), start=1):
        text = line[:-1] if line.endswith("\n") else line
        bad.row()
        if len(text) > MAX_LINE:
            bad.refuse(number, TOO_LONG, _shown(text))
        elif not _is_unicode(text):
            bad.refuse(number, BROKEN, _shown(text))
        else:
            yield TextRow(number - 1, number, text)


def _text(value: Any, bad: BadRows, *, old: bool) -> str:
    """A cell as the text that is embedded, cleaned as `prepare` and `index` clean it.

    Raises:
        UnusableError: it is none.
    """
    if value is None:
        raise UnusableError(NO_TEXT)
    if not isinstance(value, str | list):
        raise UnusableError(f"{NOT_TEXT} but {_kind(value)}")
    if isinstance(value, str) and not _is_unicode(value):
        raise UnusableError(BROKEN)
    text = cell_paragraphs(value, bad.tally, old=old)
    if isinstance(value, list) and (not text or not _is_unicode(text)):
        raise UnusableError(f"{NOT_TEXT} but a list without texts")
    return text


def _kind(value: Any) -> str:
    names = {"bool": "true or false", "int": "a number", "float": "a number", "dict": "an object"}
    return names.get(type(value).__name__, type(value).__name__)


def _is_unicode(text: str) -> bool:
    """Whether a text is without lone surrogates, which stand for bytes that are not UTF-8 and for broken escapes."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text[:SHOWN].encode("utf-8", "backslashreplace").decode()


def _json(source: Source, bad: BadRows) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(open_lines(source.path, source.encoding), start=1):
        bare = line.strip()
        if bare in IGNORED:
            continue
        bad.row()
        if len(line) > MAX_LINE:
            bad.refuse(number, TOO_LONG, _shown(bare))
            continue
        try:
            value = plain_json(bare)
        except (ValueError, RecursionError) as error:
            bad.refuse(number, "not valid JSON", _shown(bare), mistake(error, bare).problem)
            continue
        if isinstance(value, dict):
            yield number, value
        else:
            bad.refuse(number, "not a JSON object", _shown(bare))


def _csv(source: Source, bad: BadRows) -> Iterator[tuple[int, Row]]:
    return csv_lines(open_lines(source.path, source.encoding, newline=""), source.layout, bad)


def _parquet(source: Source, bad: BadRows) -> Iterator[tuple[int, Row]]:
    wanted = [name for name in (source.column, source.id_column) if name]
    return _counted(parquet_rows(source.path, wanted).rows, bad)


def _arrow(source: Source, bad: BadRows) -> Iterator[tuple[int, Row]]:
    return _counted(read_arrow(source.path).rows, bad)


def _counted(rows: Iterable[Row], bad: BadRows) -> Iterator[tuple[int, Row]]:
    for number, row in enumerate(rows, start=1):
        bad.row()
        yield number, row


def _whole(source: Source, bad: BadRows) -> Iterator[tuple[int, Row]]:
    """The rows of a table that is read whole; all of them must be readable, or their numbers would not be right."""
    trial = BadRows(source.path.name, bad.tally)
    rows = [row for _, row in open_table(source.path, {}, trial).rows]
    if trial.bad:
        raise InputError(
            f"{source.path}: {trial.bad:,} of {trial.seen:,} rows cannot be read (first: {trial.first}). Mend the "
            "file, or convert it to JSON lines with an object a line, of which such rows are left out."
        )
    return _counted(rows, bad)


_ROWS: dict[Kind, Callable[[Source, BadRows], Iterator[tuple[int, Row]]]] = {
    "jsonl": _json,
    "csv": _csv,
    "parquet": _parquet,
    "arrow": _arrow,
    "table": _whole,
}


def cells(source: Source, columns: Sequence[str]) -> dict[int, dict[str, Any]]:
    """Other cells of a table's rows: line of the row, as in `TextRow`, → column → value.

    Raises:
        InputError: the file is no table, or has no such column.
    """
    if source.kind == "lines":
        raise InputError(f"{source.path} is read as one text a line and has no columns. Give a table, such as CSV.")
    found: dict[int, dict[str, Any]] = {}
    seen: dict[str, None] = {}
    for line, row in _ROWS[source.kind](source, BadRows(source.path.name, Tally())):
        seen |= dict.fromkeys(row)
        found[line] = {name: row.get(name) for name in columns}
    for name in columns:
        check_column(source.path, name, list(seen))
    return found
