"""CSV, TSV and JSONL to numbered rows; what cannot be parsed is counted."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from semtune.errors import InputError
from semtune.prepare.readers.decode import decode
from semtune.prepare.tally import BadRows

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson")
STSB = ["sentence1", "sentence2", "score"]
SAMPLE_LINES = 200
Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a CSV file is written, and its columns; `header` tells whether its first row names them."""

    columns: list[str]
    delimiter: str = ","
    quoting: bool = True
    header: bool = True

    def reader(self, text: str, *, strict: bool = False) -> Any:
        """A csv reader of `text`; a strict one raises where a quote stands in the wrong place."""
        quoting = csv.QUOTE_MINIMAL if self.quoting else csv.QUOTE_NONE
        return csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter, quoting=quoting, strict=strict)


def load_text(path: Path, limit: int | None = None) -> str:
    """Read a table's text, or whole lines from its first `limit` bytes.

    Raises:
        InputError: it is missing, unreadable, empty or no text.
    """
    try:
        with path.open("rb") as source:
            data = source.read() if limit is None else source.read(limit)
            cut = limit is not None and bool(source.read(1))
    except OSError as error:
        raise InputError(f"Cannot read {path.absolute()}: {error.strerror}.") from None
    if cut and b"\n" in data:
        data = data[: data.rindex(b"\n") + 1]
    found = decode(data)
    if found is None:
        raise InputError(f"{path.absolute()} is not text. Give a .csv, .tsv or .jsonl file in UTF-8.")
    if not found[0].strip():
        raise InputError(f"{path.absolute()} is empty. Give a file with at least one row.")
    return found[0]


def is_jsonl(path: Path) -> bool:
    """Whether a table's name says JSON lines."""
    return path.suffix.lower() in {".jsonl", ".ndjson"}


def find_layout(text: str, suffix: str) -> Layout:
    """Find delimiter, quoting and header of a CSV or TSV text from its first lines."""
    sample = "\n".join(text.splitlines()[:SAMPLE_LINES])
    delimiters = "\t" if suffix.lower() == ".tsv" else ",;\t"
    best, best_score = Layout([]), (-1.0, 0, 0, 0)
    for number, delimiter in enumerate(delimiters):
        for quoting in (True, False):
            layout = Layout([], delimiter, quoting)
            rows, clean = _sampled(layout, sample)
            widths = [len(row) for row in rows]
            width = len(rows[0]) if rows else 0
            agree = sum(w == width for w in widths) / len(widths) if width > 1 else 0.0
            # Agreement decides, then well placed quotes; quoting is likelier than not, the comma than others.
            score = (round(agree, 2), int(clean), int(quoting), -number)
            if score > best_score:
                best, best_score = layout, score
    rows, _ = _sampled(best, sample)
    first = [cell.strip().lstrip("\ufeff") for cell in rows[0]] if rows else []
    if _is_stsb(rows):
        return Layout(STSB, best.delimiter, best.quoting, header=False)
    return Layout(first, best.delimiter, best.quoting)


def csv_rows(text: str, layout: Layout, bad: BadRows) -> Iterator[tuple[int, Row]]:
    """Yield (line number, row) of a CSV text."""
    reader = layout.reader(text)
    waiting = layout.header
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            bad.row()
            bad.refuse(line, f"not valid CSV ({error})")
            continue
        if waiting or not any(cell.strip() for cell in cells):
            waiting = False
            continue
        bad.row()
        if len(cells) != len(layout.columns):
            bad.refuse(line, f"expected {len(layout.columns)} columns", f"{len(cells)}: {layout.delimiter.join(cells)}")
            continue
        yield line, dict(zip(layout.columns, cells, strict=True))


def jsonl_rows(text: str, bad: BadRows) -> Iterator[tuple[int, Row]]:
    """Yield (line number, row) of a JSON-lines text."""
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        bad.row()
        try:
            row = json.loads(line)
        except (json.JSONDecodeError, RecursionError):
            bad.refuse(number, "not valid JSON", line)
            continue
        if isinstance(row, dict):
            yield number, row
        else:
            bad.refuse(number, "not a JSON object", line)


def _sampled(layout: Layout, sample: str) -> tuple[list[list[str]], bool]:
    """Rows of a sample, and whether all its quotes open and close a cell."""
    rows: list[list[str]] = []
    clean = True
    try:
        rows += [row for row in layout.reader(sample) if any(cell.strip() for cell in row)]
        for _ in layout.reader(sample, strict=True):
            pass
    except csv.Error as error:
        clean = "unexpected end" in str(error)  # a quoted cell that goes on behind the sample
    return (rows[:-1] if len(rows) > 2 else rows), clean


def _is_stsb(rows: list[list[str]]) -> bool:
    """Whether rows are (sentence, sentence, number) from the first line on: a file without a header."""
    numeric = [len(row) == 3 and is_number(row[2]) and not is_number(row[0]) and not is_number(row[1]) for row in rows]
    return bool(rows) and numeric[0] and sum(numeric) >= 0.9 * len(numeric)


def is_number(text: object) -> bool:
    """Whether a cell holds a number."""
    try:
        value = float(str(text))
    except ValueError:
        return False
    return value == value and abs(value) != float("inf")
