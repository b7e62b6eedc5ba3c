"""What a reader keeps in memory of a collection at one moment: open segments, their masks, and the newest vectors."""

from __future__ import annotations

import sqlite3
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semtune.errors import InputError
from semtune.index.filters import Filter
from semtune.index.local import database
from semtune.index.local.filter_sql import translate
from semtune.index.local.segments import Rows, SegmentOnDemand, SegmentRecord, records_of
from semtune.types import Embeddings

FIRST_ROOM = 256  # rows
KEPT_FILTERS = 16
NO_ROWS: Rows = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Part:
    """A segment as one view sees it.

    Attributes:
        record: what the database says of it.
        segment: its file, which is opened when it is first searched.
        dead: (count,) positions that were deleted; None if there are none.
    """

    record: SegmentRecord
    segment: SegmentOnDemand
    dead: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Delta:
    """Rows that are in no segment. Later views append to the same arrays, beyond the rows of this one."""

    rows: Rows
    vectors: Embeddings
    used: int = 0
    dead: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))

    def alive(self) -> tuple[Rows, Embeddings]:
        """The rows with their vectors."""
        rows, vectors = self.rows[: self.used], self.vectors[: self.used]
        return (rows[~self.dead], vectors[~self.dead]) if self.dead.any() else (rows, vectors)

    def extended(self, rows: Rows, vectors: Embeddings, gone: Rows) -> Delta:
        """With more rows, and without those that are gone."""
        end = self.used + len(rows)
        mine, stored = self.rows, self.vectors
        if end > len(mine):
            room = max(FIRST_ROOM, 2 * end)
            mine, stored = np.zeros(room, dtype=np.int64), np.zeros((room, vectors.shape[1]), dtype=np.float32)
            mine[: self.used], stored[: self.used] = self.rows[: self.used], self.vectors[: self.used]
        mine[self.used : end], stored[self.used : end] = rows, vectors
        dead = np.concatenate([self.dead, np.zeros(len(rows), dtype=bool)])
        if len(gone):
            dead |= np.isin(mine[:end], gone)
        return Delta(mine, stored, end, dead)


@dataclass(frozen=True)
class View:
    """A collection at one moment.

    Attributes:
        change: number of the last write that it contains.
        generation: number of the last change of the segments.
        sealed: the last row that segments cover.
        last: the last row that it knows.
        buried: the last entry of the table of deleted rows that it knows.
        count: documents.
        parts: the segments.
        delta: the rows above `sealed`.
        filters: rows that passed the filters asked last.
        lock: of `filters`.
    """

    change: int
    generation: int
    sealed: int
    last: int
    buried: int
    count: int
    parts: tuple[Part, ...]
    delta: Delta
    filters: OrderedDict[str, Rows] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def passing(self, where: Filter, connection: sqlite3.Connection) -> Rows:
        """The rows that pass a filter, ascending."""
        key = repr(where)  # not the filter itself: 1, 1.0 and True are equal
        with self.lock:
            if key in self.filters:
                self.filters.move_to_end(key)
                return self.filters[key]
        made = translate(where)
        made.install(connection)
        found = connection.execute(f"SELECT row FROM documents WHERE {made.condition} ORDER BY row", made.values)
        rows = np.fromiter((row for (row,) in found), dtype=np.int64)
        with self.lock:
            self.filters[key] = rows
            while len(self.filters) > KEPT_FILTERS:
                self.filters.popitem(last=False)
        return rows


def as_vectors(blobs: list[bytes], dimension: int) -> Embeddings:
    """The (n, dimension) vectors of the database's values."""
    return np.frombuffer(b"".join(blobs), dtype=np.float32).reshape(len(blobs), dimension)


class Viewer:
    """Makes views of a collection; what the last one has in memory is used again."""

    def __init__(self, folder: Path, dimension: int, current: Callable[[], set[str]]) -> None:
        """For the index at `folder`; `current` tells the files of segments that the newest state has."""
        self._folder, self._dimension, self._current = folder, dimension, current
        self._lock = threading.Lock()
        self._view: View | None = None
        self._opened: dict[str, SegmentOnDemand] = {}
        self._empty = Delta(NO_ROWS, np.empty((0, dimension), dtype=np.float32))

    def view(self, connection: sqlite3.Connection) -> View | None:
        """What a connection in a transaction sees; None if it sees less than the last view: begin it again."""
        change = database.number(connection, "change")
        kept = self._view
        if kept is not None and kept.change == change:
            return kept
        with self._lock:
            kept = self._view
            if kept is not None and change < kept.change:
                return None
            if kept is None or kept.change < change:
                self._view = self._moved(kept, change, connection)
            return self._view

    def forget(self) -> None:
        """Let go of what is in memory."""
        with self._lock:
            self._view, self._opened = None, {}

    def _moved(self, old: View | None, change: int, connection: sqlite3.Connection) -> View:
        generation = database.number(connection, "generation")
        if old is None or old.generation != generation:
            sealed = database.number(connection, "sealed")
            old = View(0, generation, sealed, sealed, 0, 0, self._parts(connection), self._empty)
        found = connection.execute("SELECT row, vector FROM vectors WHERE row > ? ORDER BY row", (old.last,)).fetchall()
        rows = np.array([row for row, _ in found], dtype=np.int64)
        gone = connection.execute(
            "SELECT sequence, row FROM deleted WHERE sequence > ? ORDER BY sequence", (old.buried,)
        ).fetchall()
        dead = np.array([row for _, row in gone], dtype=np.int64)
        return View(
            change,
            generation,
            old.sealed,
            max(old.last, database.number(connection, "last")),
            gone[-1][0] if gone else old.buried,
            database.number(connection, "count"),
            tuple(_masked(part, dead) for part in old.parts),
            old.delta.extended(rows, as_vectors([vector for _, vector in found], self._dimension), dead),
        )

    def _parts(self, connection: sqlite3.Connection) -> tuple[Part, ...]:
        records = records_of(connection)
        opened = {record.file: self._open(record) for record in records}
        self._opened = opened
        return tuple(Part(record, opened[record.file]) for record in records)

    def _open(self, record: SegmentRecord) -> SegmentOnDemand:
        kept = self._opened.get(record.file)
        return kept or SegmentOnDemand(self._folder, record, self._dimension, self._failed)

    def _failed(self, record: SegmentRecord, error: InputError) -> None:
        if record.file in self._current():  # else a compaction has just replaced it
            warnings.warn(
                f"{error}. Exact search over the database answers in its place, which is slower. Make it again with "
                f"`semtune compact {self._folder}`.",
                stacklevel=2,
            )


def _masked(part: Part, gone: Rows) -> Part:
    """A part without rows that are gone."""
    if not len(gone):
        return part
    places = part.segment.map.positions(gone)
    if not len(places):
        return part
    dead = np.zeros(part.record.count, dtype=bool) if part.dead is None else part.dead.copy()
    dead[places] = True
    return Part(part.record, part.segment, dead)
