"""Parquet and Arrow files, including those of Hugging Face data sets, batch by batch and without `datasets`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semtune.errors import InputError
from semtune.prepare.readers.tables.delimited import Row
from semtune.registry import need

BATCH = 1024
BUFFER = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Columnar:
    """Columns, rows, and the class names that numbers stand for."""

    columns: list[str]
    rows: Iterator[Row]
    names: Mapping[str, list[str]]


def read_parquet(path: Path, columns: list[str] | None = None) -> Columnar:
    """Open a Parquet file, or some of its columns.

    Raises:
        InputError: it is missing, unreadable, or of another format.
    """
    need("pyarrow")
    import pyarrow as pa
    import pyarrow.parquet as pq

    def rows(file: Any) -> Iterator[Row]:
        try:
            for batch in file.iter_batches(batch_size=BATCH, columns=columns):
                yield from batch.to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise _broken(path, "Parquet", error) from None

    try:
        file = pq.ParquetFile(path, buffer_size=BUFFER)  # else a row group is read as a whole
    except (pa.ArrowException, OSError) as error:
        raise _broken(path, "Parquet", error) from None
    return Columnar(list(file.schema_arrow.names), rows(file), class_names(file.schema_arrow.metadata))


def read_arrow(path: Path) -> Columnar:
    """Open an Arrow file: a stream, as `save_to_disk` of `datasets` writes it, or the file format.

    Raises:
        InputError: it is missing, unreadable, or of another format.
    """
    need("pyarrow")
    import pyarrow as pa

    def open_it() -> tuple[Any, list[Any] | range]:
        source = pa.memory_map(str(path))
        try:
            return (reader := pa.ipc.open_file(source)), range(reader.num_record_batches)
        except pa.ArrowInvalid:
            source.seek(0)
            return pa.ipc.open_stream(source), []

    def rows(reader: Any, numbers: list[Any] | range) -> Iterator[Row]:
        try:
            for batch in map(reader.get_batch, numbers) if numbers else reader:
                for start in range(0, batch.num_rows, BATCH):
                    yield from batch.slice(start, BATCH).to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise _broken(path, "Arrow", error) from None

    try:
        reader, numbers = open_it()
    except (pa.ArrowException, OSError) as error:
        raise _broken(path, "Arrow", error) from None
    return Columnar(list(reader.schema.names), rows(reader, numbers), class_names(reader.schema.metadata))


def count_rows(path: Path) -> int:
    """The number of rows of a Parquet or Arrow file."""
    if path.suffix.lower() == ".arrow":
        return sum(1 for _ in read_arrow(path).rows)
    need("pyarrow")
    import pyarrow.parquet as pq

    return pq.read_metadata(path).num_rows


def class_names(metadata: Mapping[bytes, bytes] | None) -> dict[str, list[str]]:
    """Column → names of its classes, as `datasets` stores them in the schema."""
    try:
        features = json.loads((metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        return {
            column: list(feature["names"])
            for column, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _broken(path: Path, kind: str, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or str(error).split("\n")[0]
    return InputError(f"Cannot read {path.absolute()} as {kind}: {reason}.")
