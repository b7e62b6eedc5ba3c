"""The work folder of a bulk encoding: finished shards, and what they were made from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from semtune.bulk.shards import Shard, Vectors
from semtune.io import atomic_file, write_json

FACTS = "job.json"
SHARDS, NOTES = "shards", "notes"
NAMED = 3  # texts


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a finished shard.

    Attributes:
        number: of the shard.
        texts: in it.
        first_row, last_row: numbers of their rows, from 0.
        size: of the shard's file, in bytes.
        tokens: read.
        truncated: texts that were longer than the model reads.
        cut_tokens: of them that were not read.
        unread: texts whose letters the model does not know.
        unread_lines: places of the first of them.
    """

    number: int
    texts: int
    first_row: int
    last_row: int
    size: int
    tokens: int
    truncated: int
    cut_tokens: int
    unread: int
    unread_lines: tuple[int, ...]

    @property
    def complete(self) -> bool:
        """Whether no row between the first and the last was left out."""
        return self.last_row - self.first_row + 1 == self.texts


class Writes(Protocol):
    """Writes a shard's file."""

    suffix: str

    def write_shard(self, handle: IO[bytes], shard: Shard, vectors: Vectors) -> None:
        """Write vectors, and what stands beside them in this format."""
        ...


class Store:
    """Finished shards in a work folder. A shard's record is written last: with it, the shard is whole."""

    def __init__(self, work: Path, output: Writes) -> None:
        self._facts = work / FACTS
        self._notes = work / NOTES
        self._output = output
        self.shards = work / SHARDS

    def open(self, facts: Mapping[str, Any]) -> list[str]:
        """Prepare for a job; what was made from other facts is removed.

        Returns:
            The facts that differ, by name; empty if there is nothing to continue or all of it can be used.
        """
        known = _read(self._facts)
        differ = [] if known is None else [name for name in facts if known.get(name) != facts[name]]
        if known is None or differ:
            for folder in (self.shards, self._notes):
                shutil.rmtree(folder, ignore_errors=True)
        for folder in (self.shards, self._notes):
            folder.mkdir(exist_ok=True)
            for part in folder.glob(".*"):  # of a write that was killed
                part.unlink()
        write_json(self._facts, facts)
        return differ

    def file(self, number: int) -> Path:
        """The place of a shard's file."""
        return self.shards / f"{number:05}{self._output.suffix}"

    def rows(self, number: int) -> Path:
        """The place of the numbers of a shard's rows."""
        return self._notes / f"{number:05}.rows.npy"

    def record(self, shard: Shard) -> Record | None:
        """The record of a shard that is whole; None if it must be encoded."""
        found = _read(self._notes / f"{shard.number:05}.json")
        try:
            record = Record(**{**(found or {}), "unread_lines": tuple((found or {})["unread_lines"])})
            size = self.file(shard.number).stat().st_size
        except (TypeError, KeyError, OSError):
            return None
        same = (record.texts, record.first_row, record.last_row) == (len(shard.texts), *_ends(shard))
        return record if same and record.size == size else None

    def put(self, shard: Shard, vectors: Vectors) -> Record:
        """Keep a shard's vectors.

        Raises:
            StorageError: they cannot be written; finished shards stay.
        """
        with atomic_file(self.file(shard.number), "wb") as handle:
            self._output.write_shard(handle, shard, vectors)
        with atomic_file(self.rows(shard.number), "wb") as handle:
            write_array(handle, shard.rows)
        record = Record(
            shard.number,
            len(shard.texts),
            *_ends(shard),
            self.file(shard.number).stat().st_size,
            vectors.tokens,
            vectors.truncated,
            vectors.cut_tokens,
            len(vectors.unread),
            tuple(shard.lines[place] for place in vectors.unread[:NAMED]),
        )
        write_json(self._notes / f"{shard.number:05}.json", asdict(record))
        return record


def write_array(handle: IO[bytes], values: np.ndarray[Any, Any]) -> None:
    """Write an array as `numpy.save` does, but so that a full disk is an error of the system, with its number."""
    write_header(handle, values.dtype, values.shape)
    handle.write(np.ascontiguousarray(values).data)


def write_header(handle: IO[bytes], kind: np.dtype[Any], shape: tuple[int, ...]) -> None:
    """Write the header of a .npy file."""
    values = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(handle, values)


def _ends(shard: Shard) -> tuple[int, int]:
    return int(shard.rows[0]), int(shard.rows[-1])


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
