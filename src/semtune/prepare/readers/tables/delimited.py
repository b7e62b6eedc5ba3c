"""CSV and TSV text to numbered rows; rows that cannot be parsed are counted."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

from semtune.errors import InputError
from semtune.prepare.drop_log import BadRows, Tally
from semtune.prepare.readers.files.decode import BROKEN, NULS, UNREADABLE, Decoded, to_text, unsure
from semtune.prepare.readers.files.unpack import MAX_LINE, MAX_TABLE, in_mib, read_head, suffix_of
from semtune.prepare.readers.tables.json_values import TOO_LONG
from semtune.prepare.readers.tables.line_window import LineWindow

STSB = ["sentence1", "sentence2", "score"]
TRIPLES = ["query", "positive", "negative"]  # MS MARCO's triples.*.tsv
SAMPLE_LINES = 200
LONG_ROW = 20_000  # lines that a quoted cell may span
SHORT_ROW = 200  # the limit after PATIENCE lines were read in vain
PATIENCE = 200_000
MAX_COLUMNS = 10_000
DELIMITERS = ",;\t|"
_SEPARATOR_LINE = re.compile(r"\ufeff?\"?sep=(.)\"?[ \t,;|]*\r?\n", re.IGNORECASE)  # written for Excel
Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """The format of a CSV file and its columns; `header` says whether its first row names them.

    A name that stands more than once in the header gets a number: document, document.2.
    """

    columns: list[str]
    delimiter: str = ","
    quoting: bool = True
    header: bool = True
    skip: int = 0  # lines before the first row

    def reader(self, lines: Iterable[str], *, strict: bool = False) -> Any:
        """A csv reader of `lines`; a strict one raises an error at a misplaced quote."""
        csv.field_size_limit(MAX_LINE)
        quoting = csv.QUOTE_MINIMAL if self.quoting else csv.QUOTE_NONE
        return csv.reader(lines, delimiter=self.delimiter, quoting=quoting, strict=strict)


def load_text(path: Path, limit: int | None = None, tally: Tally | None = None) -> str:
    """The text of a table, as `load_decoded` reads it."""
    return load_decoded(path, limit, tally).text


def load_decoded(path: Path, limit: int | None = None, tally: Tally | None = None) -> Decoded:
    """Read a table's text, or whole lines from its first `limit` bytes.

    Raises:
        InputError: it is missing, unreadable, empty, too large or not text.
    """
    try:
        head = read_head(path, limit or MAX_TABLE)
    except OSError as error:
        raise InputError(f"Cannot read {path.absolute()}: {error.strerror}.") from None
    data = head.data
    if head.cut and limit is None:
        raise InputError(f"{path.absolute()} is larger than {in_mib(MAX_TABLE)}. Split it, or convert it to Parquet.")
    if head.cut and b"\n" in data:
        data = data[: data.rindex(b"\n") + 1]
    found = to_text(data)
    if found is None:
        raise InputError(f"{path.absolute()} is not text. Give a {suffix_of(path)} file in UTF-8.")
    if not found.text.strip():
        raise InputError(f"{path.absolute()} is empty. Give a file with at least one row.")
    if tally is not None:
        _count(found, path, tally)
    return found


def _count(found: Decoded, path: Path, tally: Tally) -> None:
    """Count a table that is not in UTF-8; warn of an encoding that is unsure."""
    if found.encoding == BROKEN:
        tally.count(f"tables in {BROKEN}, shown as {UNREADABLE}")
    elif found.guessed:
        tally.count(f"tables not in UTF-8, read as {found.encoding}")
    tally.count(NULS, found.nuls)
    if not found.sure:
        tally.warn(unsure(path.name, found.encoding))


def is_jsonl(path: Path) -> bool:
    """Whether a table's name says JSON lines."""
    return suffix_of(path) in {".jsonl", ".ndjson"}


def find_layout(text: str, path: Path, roles: Mapping[str, str] | None = None) -> Layout:
    """Find delimiter, quoting and header of a CSV or TSV text from its first lines.

    There is no header if the user gives columns by number, in STS-B's files and in MS MARCO's triples.
    """
    if len(text) > MAX_LINE and "\n" not in text[:MAX_LINE] and "\r" not in text[:MAX_LINE]:
        raise InputError(f"{path.absolute()} is not a table: its first line has more than {MAX_LINE:,} characters.")
    named = _SEPARATOR_LINE.match(text)
    start = named.end() if named else 0
    sample = "".join(islice(io.StringIO(text[start : start + MAX_LINE], newline=""), SAMPLE_LINES))
    tabs = suffix_of(path) == ".tsv"
    best = _best_layout(sample, named.group(1) if named else "\t" if tabs else DELIMITERS)
    rows, _ = _sampled(best, sample)
    if rows and len(rows[0]) > MAX_COLUMNS:
        raise InputError(
            f"{path.absolute()} has {len(rows[0]):,} cells in its first row. The maximum is {MAX_COLUMNS:,} columns."
        )
    first = _distinct([cell.strip().lstrip("\ufeff") for cell in rows[0]]) if rows else []
    numbers = [str(number) for number in range(1, len(first) + 1)]
    if roles and all(column.isdigit() and column not in first for column in roles.values()):
        best = replace(best, columns=numbers, header=False)
    elif _is_stsb(rows):
        best = replace(best, columns=STSB, header=False)
    elif _is_triples(path, rows):
        best = Layout(TRIPLES, "\t", quoting=False, header=False)
    else:
        best = replace(best, columns=first)
    return replace(best, skip=1 if named else 0)


def _best_layout(sample: str, delimiters: str) -> Layout:
    """Delimiter and quoting with which the rows of a sample agree best in their number of cells."""
    best, best_score = Layout([]), (-1.0, 0, 0, 0)
    for number, delimiter in enumerate(delimiters):
        for quoting in (True, False):
            layout = Layout([], delimiter, quoting)
            rows, clean = _sampled(layout, sample)
            widths = [len(row) for row in rows]
            width = len(rows[0]) if rows else 0
            agree = sum(w == width for w in widths) / len(widths) if width > 1 else 0.0
            # Agreement decides, then correct quotes; then quoting is preferred to none, and the comma to others.
            score = (round(agree, 2), int(clean), int(quoting), -number)
            if score > best_score:
                best, best_score = layout, score
    return best


def _distinct(names: Sequence[str]) -> list[str]:
    """Names of columns, with a number at those that stand more than once."""
    found: dict[str, None] = {}
    for name in names:
        number, chosen = 1, name
        while chosen in found:
            number += 1
            chosen = f"{name}.{number}"
        found[chosen] = None
    return list(found)


def csv_rows(text: str, layout: Layout, bad: BadRows) -> Iterator[tuple[int, Row]]:
    """Yield (line number, row) of a CSV text.

    A quote that is never closed swallows the lines after it: if a row of several lines has the wrong width or a
    misplaced quote, only its first line is refused, and reading continues with the second.
    """
    return csv_lines(io.StringIO(text, newline=""), layout, bad)


def csv_lines(lines: Iterable[str], layout: Layout, bad: BadRows) -> Iterator[tuple[int, Row]]:
    """Yield (line number, row) of lines with their line ends; see `csv_rows`. Only the last lines are kept."""
    feed = _Feed(LineWindow(lines), bad, layout.skip)
    waiting = layout.header
    while feed.more:
        start = feed.at
        feed.settle()
        cells, error = feed.next_row(layout)
        if not error and not any(cell.strip() for cell in cells):
            continue
        if waiting:
            waiting = False
        elif error:
            bad.row()
            bad.refuse(start + 1, f"not valid CSV ({error})")
        elif feed.at > start + 1 and feed.misplaced(start, layout):
            feed.back_to(start + 1)
            bad.row()
            bad.refuse(start + 1, "misplaced quote", layout.delimiter.join(cells)[:200])
        elif len(cells) != len(layout.columns):
            feed.back_to(start + 1)
            bad.row()
            shown = f"{len(cells)}: {layout.delimiter.join(cells)[:200]}"
            bad.refuse(start + 1, f"expected {len(layout.columns)} columns", shown)
        else:
            bad.row()
            yield start + 1, dict(zip(layout.columns, cells, strict=True))


class _Feed:
    """Lines for a csv reader: they can be read again, and lines that are too long are refused."""

    def __init__(self, lines: LineWindow, bad: BadRows, start: int) -> None:
        self._lines = lines
        self._bad = bad
        self._stop = 0
        self._wasted = 0
        self._reader: Any = None
        self.at = start

    @property
    def more(self) -> bool:
        return self._lines.has(self.at)

    def settle(self) -> None:
        """Nothing before this place will be read again."""
        self._lines.forget_before(self.at)

    def next_row(self, layout: Layout) -> tuple[list[str], str]:
        """The next row's cells, or the error."""
        self._stop = self.at + (LONG_ROW if self._wasted < PATIENCE else SHORT_ROW)
        if self._reader is None:
            self._reader = layout.reader(self)
        try:
            return next(self._reader), ""
        except StopIteration:
            self._reader = None
            return [], ""
        except csv.Error as error:
            self._reader = None
            return [], str(error)

    def misplaced(self, start: int, layout: Layout) -> bool:
        """Whether the row that began at `start` has a misplaced quote, which may have swallowed other rows."""
        try:
            next(layout.reader(self._lines.between(start, self.at), strict=True), None)
        except csv.Error:
            return True
        return False

    def back_to(self, place: int) -> None:
        """Continue reading at the line at `place`."""
        if place < self.at:
            self._wasted += self.at - place
            self.at = place
            self._reader = None

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        if self.at >= self._stop or not self._lines.has(self.at):
            self._reader = None
            raise StopIteration
        line = self._lines.line(self.at)
        self.at += 1
        if len(line) > MAX_LINE:
            self._bad.row()
            self._bad.refuse(self.at, TOO_LONG, line[:80])
            return "\n"
        return line


def _sampled(layout: Layout, sample: str) -> tuple[list[list[str]], bool]:
    """Rows of a sample, and whether all its quotes open and close a cell."""
    rows: list[list[str]] = []
    clean = True
    try:
        rows += [row for row in layout.reader(io.StringIO(sample, newline="")) if any(cell.strip() for cell in row)]
        for _ in layout.reader(io.StringIO(sample, newline=""), strict=True):
            pass
    except csv.Error as error:
        clean = "unexpected end" in str(error)  # a quoted cell that continues after the sample
    return (rows[:-1] if len(rows) > 2 else rows), clean


def _is_stsb(rows: list[list[str]]) -> bool:
    """Whether rows are (sentence, sentence, number) from the first line on: a file without a header."""
    numeric = [len(row) == 3 and is_number(row[2]) and not is_number(row[0]) and not is_number(row[1]) for row in rows]
    return bool(rows) and numeric[0] and sum(numeric) >= 0.9 * len(numeric)


def _is_triples(path: Path, rows: Sequence[Sequence[str]]) -> bool:
    """Whether a file is MS MARCO's triples: named so, with three texts on each line and no header."""
    named = re.match(r"(?:.*[._-])?triples\b", path.name, re.IGNORECASE) is not None
    header = bool(rows) and {cell.strip().lower() for cell in rows[0]} & {"query", "anchor", "positive", "pos"}
    return named and not header and bool(rows) and all(len(row) == 3 for row in rows)


def is_number(text: object) -> bool:
    """Whether a cell is a finite number."""
    try:
        value = float(str(text))
    except ValueError:
        return False
    return value == value and abs(value) != float("inf")
