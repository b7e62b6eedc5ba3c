"""Segments: immutable FAISS files that make search fast. The database records each, and can make each again."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from semtune.errors import InputError
from semtune.index.faiss import write_index
from semtune.index.local import kinds
from semtune.index.local.kinds import Kind
from semtune.io import sha256_of_bytes, storage_errors
from semtune.types import Embeddings

FOLDER = "segments"
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SegmentRecord:
    """What the database says of a segment.

    Attributes:
        file: its name in the folder of segments.
        sha256, bytes: of the file.
        kind: FAISS's name of its kind.
        faiss: version that wrote it.
        count: vectors in it.
        runs: its rows in ascending order, as pairs of first row and number of rows.
        facts: what was measured when it was made, as JSON.
    """

    file: str
    sha256: str
    bytes: int
    kind: str
    faiss: str
    count: int
    runs: bytes
    facts: str

    @property
    def ends(self) -> tuple[int, int]:
        """First and last row."""
        runs = np.frombuffer(self.runs, dtype=np.int64)
        return (int(runs[0]), int(runs[-2] + runs[-1] - 1)) if len(runs) else (0, -1)


def records_of(connection: sqlite3.Connection) -> list[SegmentRecord]:
    """The segments that a database records, the oldest first."""
    found = connection.execute(
        "SELECT file, sha256, bytes, kind, faiss, count, runs, facts FROM segments ORDER BY number"
    )
    return [SegmentRecord(*values) for values in found]


def as_runs(rows: Rows) -> bytes:
    """Ascending rows as pairs of first row and number of rows."""
    if not len(rows):
        return b""
    starts = np.concatenate([[0], np.flatnonzero(np.diff(rows) != 1) + 1])
    lengths = np.diff(np.concatenate([starts, [len(rows)]]))
    return np.stack([rows[starts], lengths], axis=1).astype(np.int64).tobytes()


class RowMap:
    """Positions in a segment ↔ rows of the database."""

    def __init__(self, runs: bytes) -> None:
        pairs = np.frombuffer(runs, dtype=np.int64).reshape(-1, 2)
        self._first, lengths = pairs[:, 0], pairs[:, 1]
        self._starts = np.cumsum(lengths) - lengths
        self._lengths = lengths
        self.count = int(lengths.sum())

    def rows(self, positions: Rows) -> Rows:
        """The rows at some positions, which must exist."""
        run = np.searchsorted(self._starts, positions, side="right") - 1
        return self._first[run] + (positions - self._starts[run])

    def positions(self, rows: Rows) -> Rows:
        """The positions of those of the rows that are here, in the order given."""
        if not len(self._first) or not len(rows):
            return np.empty(0, dtype=np.int64)
        run = np.searchsorted(self._first, rows, side="right") - 1
        offset = rows - self._first[run]
        here = (run >= 0) & (offset < self._lengths[run])
        return (self._starts[run] + offset)[here]


class Segment:
    """A segment that is open for search; its file is mapped into memory."""

    def __init__(self, record: SegmentRecord, index: faiss.Index) -> None:
        self.record = record
        self._whole = index  # keeps what belongs to it in memory
        self.index = kinds.searched(index)
        self.stored = kinds.stored(index)  # (count, dim) vectors as given
        self.map = RowMap(record.runs)

    @classmethod
    def open(cls, folder: Path, record: SegmentRecord, dimension: int) -> Segment:
        """Map the file of a segment.

        Raises:
            InputError: it is missing, cut, or not what the database recorded; it is not hashed.
        """
        path = folder / FOLDER / record.file
        try:
            size = path.stat().st_size
            if size != record.bytes:
                raise InputError(f"{path} has {size:,} bytes instead of {record.bytes:,}")
            index = _read(path)
        except (OSError, RuntimeError, MemoryError) as error:
            raise InputError(
                f"{path} cannot be read ({(str(error) or type(error).__name__).splitlines()[0]})"
            ) from None
        if (index.ntotal, index.d) != (record.count, dimension):
            raise InputError(f"{path} is the file of another index")
        return cls(record, index)


class SegmentOnDemand:
    """A segment whose file is mapped when it is first searched: FAISS looks at every link of a graph when it opens one.

    Attributes:
        record: what the database says of it.
        map: positions in it ↔ rows.
    """

    def __init__(
        self, folder: Path, record: SegmentRecord, dimension: int, failed: Callable[[SegmentRecord, InputError], None]
    ) -> None:
        """Of an index folder; `failed` is told once if the file cannot be used."""
        self.record, self.map = record, RowMap(record.runs)
        self._folder, self._dimension, self._failed = folder, dimension, failed
        self._lock = threading.Lock()
        self._tried = False
        self._segment: Segment | None = None

    def get(self) -> Segment | None:
        """The segment; None if its file cannot be used."""
        with self._lock:
            if not self._tried:
                self._tried = True
                try:
                    self._segment = Segment.open(self._folder, self.record, self._dimension)
                except InputError as error:
                    self._failed(self.record, error)
            return self._segment


def _read(path: Path) -> faiss.Index:
    try:
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError:  # a kind that cannot be mapped
        return faiss.read_index(str(path))


def write_segment(
    folder: Path,
    kind: Kind,
    blocks: Iterable[tuple[Rows, Embeddings]],
    dimension: int,
    sample: Callable[[], Embeddings],
    recall: float = 0.0,
    probes: Embeddings | None = None,
) -> SegmentRecord:
    """Write a new segment, whole and on the disk, named by its content; the caller records it.

    Args:
        folder: of the index.
        kind: of FAISS index.
        blocks: ascending rows with their (n, dim) vectors.
        dimension: of the vectors.
        sample: reads some of the vectors, for kinds that must be trained first.
        recall: to be reached by the narrowest search that does.
        probes: (m, dim) vectors of queries to measure that with.

    Raises:
        StorageError: the disk is full; nothing is left behind.
    """
    index, rows = kind.make(dimension), [np.empty(0, dtype=np.int64)]
    if not index.is_trained:
        index.train(np.ascontiguousarray(sample(), dtype=np.float32))
    for part, vectors in blocks:
        index.add(np.ascontiguousarray(vectors, dtype=np.float32))
        rows.append(part)
    runs = as_runs(np.concatenate(rows))
    facts = json.dumps(kinds.tune(index, kind, recall, probes) if index.ntotal else dict(kind.facts))
    place = folder / FOLDER
    part = place / f".{uuid.uuid4().hex}.part"
    with storage_errors(place):
        place.mkdir(exist_ok=True)
        try:
            write_index(index, part)
            sha256, size = _synced(part)
            name = f"{hashlib.sha256(sha256.encode() + runs).hexdigest()[:16]}.faiss"
            part.replace(place / name)
            sync_folder(place)
            sync_folder(folder)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    return SegmentRecord(name, sha256, size, kind.name, faiss.__version__, index.ntotal, runs, facts)


def reaching(recall: float, kind: Kind, write: Callable[[Kind], SegmentRecord]) -> SegmentRecord:
    """The segment of the first kind, beginning with `kind`, that reaches a recall; exact search always does."""
    while True:
        record = write(kind)
        facts = json.loads(record.facts)
        if kind.is_exact or facts["recall"] >= recall:
            return record
        kind = kinds.instead(kind, facts)


def _synced(path: Path) -> tuple[str, int]:
    """SHA-256 and size of a file, after it is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return sha256_of_bytes(path), path.stat().st_size


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
