"""The input file again without some of its rows, in its own format: all other bytes stay as they are."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any

from semtune.bulk.lines import is_gzip, open_lines
from semtune.bulk.packed_parquet import parquet_rows
from semtune.bulk.rows import TextRow
from semtune.bulk.source import Source
from semtune.io import atomic_file, write_jsonl
from semtune.prepare.drop_log import BadRows, Tally
from semtune.prepare.readers.files.unpack import suffix_of
from semtune.prepare.readers.tables.columnar import read_arrow
from semtune.prepare.readers.tables.table_reader import open_table

STEM = "cleaned"


def write_cleaned(source: Source, removed: Sequence[TextRow], folder: Path) -> Path:
    """Write a file without some rows; those that hold no text stay.

    Text lines, JSON lines and CSV stay as they are, byte for byte, and compressed if they were; Parquet stays Parquet;
    other tables become JSON lines.

    Args:
        source: the file, as it was read.
        removed: rows of it.
        folder: for the new file.

    Returns:
        The new file.
    """
    if source.kind in ("lines", "jsonl", "csv"):
        return _lines_without(source, removed, folder)
    if source.kind == "parquet" and not is_gzip(source.path):
        return _parquet_without(source.path, {row.row for row in removed}, folder)
    gone, place = {row.row for row in removed}, folder / f"{STEM}.jsonl"
    write_jsonl(place, (_plain(row) for number, row in enumerate(_rows(source)) if number not in gone))
    return place


def _lines_without(source: Source, removed: Sequence[TextRow], folder: Path) -> Path:
    lines = list(open_lines(source.path, source.encoding, newline=""))
    gone: set[int] = set()
    for row in removed:
        start = row.line - 1
        gone.update(range(start, start + (_height(source, lines, start) if source.kind == "csv" else 1)))
    packed = is_gzip(source.path)
    place = folder / f"{STEM}{suffix_of(source.path)}{'.gz' if packed else ''}"
    text = "".join(line for number, line in enumerate(lines) if number not in gone)
    errors = "replace" if source.encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
    data = text.encode(source.encoding, errors)
    with atomic_file(place, "wb") as out:
        _write(out, data, packed)
    return place


def _write(out: IO[bytes], data: bytes, packed: bool) -> None:
    if packed:
        with gzip.GzipFile("", "wb", fileobj=out, mtime=0) as inner:  # the same bytes at any time
            inner.write(data)
    else:
        out.write(data)


def _height(source: Source, lines: Sequence[str], start: int) -> int:
    """The number of lines of a row of a CSV file, whose cells may hold line ends."""
    reader = source.layout.reader(islice(lines, start, None))
    next(reader)
    return reader.line_num


def _parquet_without(path: Path, gone: set[int], folder: Path) -> Path:
    import pyarrow.parquet as pq

    whole = pq.ParquetFile(path)
    place, number = folder / f"{STEM}.parquet", 0
    with atomic_file(place, "wb") as out, pq.ParquetWriter(out, whole.schema_arrow) as writer:
        for batch in whole.iter_batches():
            kept = [at for at in range(batch.num_rows) if number + at not in gone]
            number += batch.num_rows
            writer.write_batch(batch.take(kept))
    return place


def _rows(source: Source) -> Any:
    if source.kind == "parquet":
        return parquet_rows(source.path).rows
    if source.kind == "arrow":
        return read_arrow(source.path).rows
    return (row for _, row in open_table(source.path, {}, BadRows(source.path.name, Tally())).rows)


def _plain(row: Any) -> dict[str, Any]:
    return {name: value if isinstance(value, str | int | float | bool | list | dict | None) else str(value)
            for name, value in row.items()}  # fmt: skip
