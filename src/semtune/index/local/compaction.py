"""Makes segments from the vectors in the database: of the newest rows alone, or of all of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import astuple
from functools import partial
from pathlib import Path

import numpy as np

from semtune.index.local import database, fulltext, kinds
from semtune.index.local.kinds import Kind
from semtune.index.local.recall import PROBES, stored_probes
from semtune.index.local.segments import FOLDER, Rows, SegmentRecord, reaching, records_of, sync_folder, write_segment
from semtune.index.local.view import as_vectors
from semtune.progress import QUIET, Progress
from semtune.types import Embeddings

SEAL_AT = 50_000  # new rows that get a segment of their own; up to as many are compared one by one in every search
BLOCK = 8192  # vectors read at a time
TRAINED = 50_000  # vectors that a kind is trained with, where it must be
RECALL = 0.95  # of the ten nearest, unless the index was made for another
FREE = 0.1  # share of unused pages in the database that are given back


def seal(connection: sqlite3.Connection, folder: Path, dimension: int) -> bool:
    """Give the newest rows a segment of their own if there are many; returns whether it did."""
    sealed, last = database.number(connection, "sealed"), database.number(connection, "last")
    if last - sealed < SEAL_AT:
        return False
    count = connection.execute("SELECT count(*) FROM vectors WHERE row > ?", (sealed,)).fetchone()[0]
    if count < SEAL_AT:
        return False
    sample = partial(_sample, connection, count, dimension)
    record = write_segment(folder, Kind("Flat"), _blocks(connection, sealed, last, dimension), dimension, sample)
    with database.transaction(connection, folder / database.FILE):
        _record(connection, record, last)
    return True


def compact(
    connection: sqlite3.Connection,
    folder: Path,
    dimension: int,
    progress: Progress = QUIET,
    probes: Embeddings | None = None,
) -> bool:
    """Make one segment of everything, and drop what was deleted; returns whether there was anything to do.

    Args:
        connection: that writes.
        folder: of the index.
        dimension: of the vectors.
        progress: shown while it works.
        probes: (m, dim) vectors of queries that the recall is measured with, now and later; None: those of before.
    """
    path = folder / database.FILE
    with database.in_words(path):
        count, last = database.number(connection, "count"), database.number(connection, "last")
    changed = not _is_compact(connection, folder, count, last, dimension)
    if changed:
        record = _segment(connection, folder, dimension, progress, probes) if count else None
        with database.transaction(connection, path):
            connection.execute("DELETE FROM segments")
            connection.execute("DELETE FROM deleted")
            _record(connection, record, last)
    with database.transaction(connection, path):
        fulltext.renew(connection)
        connection.execute("INSERT INTO fulltext(fulltext) VALUES('optimize')")
    with database.in_words(path):
        _give_back(connection)
    sweep(connection, folder)
    return changed


def _segment(
    connection: sqlite3.Connection, folder: Path, dimension: int, progress: Progress, probes: Embeddings | None
) -> SegmentRecord:
    """A file of all vectors, of the kind that suits them and reaches the recall that was asked for."""
    count, last = database.number(connection, "count"), database.number(connection, "last")
    recall = _recall(connection)
    if probes is None:
        probes = stored_probes(connection, dimension)
    else:
        with database.transaction(connection, folder / database.FILE):
            database.put(connection, PROBES, np.ascontiguousarray(probes, dtype=np.float32).tobytes())

    def write(kind: Kind) -> SegmentRecord:
        with progress.track("segment", count) as advance:
            sample = partial(_sample, connection, count, dimension)
            blocks = _blocks(connection, 0, last, dimension, advance)
            return write_segment(folder, kind, blocks, dimension, sample, recall, probes)

    return reaching(recall, _wanted(connection, count, dimension), write)  # other files are swept away


def _recall(connection: sqlite3.Connection) -> float:
    return float(str(database.get(connection, "recall", RECALL)))


def _wanted(connection: sqlite3.Connection, count: int, dimension: int) -> Kind:
    """The kind that suits as many vectors, the memory and the recall that were asked for."""
    if _recall(connection) >= 1:
        return Kind("Flat")
    return kinds.choose(count, dimension, database.number(connection, "memory"))


def _is_compact(connection: sqlite3.Connection, folder: Path, count: int, last: int, dimension: int) -> bool:
    """Whether there is nothing to do: one segment of the right kind, with every row in it and no other, and whole."""
    found = records_of(connection)
    if not count:
        return not found and database.number(connection, "sealed") == last
    if len(found) != 1 or database.number(connection, "sealed") != last:
        return False
    record = found[0]
    wanted = _wanted(connection, count, dimension).name
    if record.count != count or wanted not in {record.kind, json.loads(record.facts).get("instead_of")}:
        return False
    from semtune.index.local.integrity import segment_problem

    return not segment_problem(folder, record)


def _blocks(
    connection: sqlite3.Connection, after: int, last: int, dimension: int, advance: Callable[[int], None] | None = None
) -> Iterator[tuple[Rows, Embeddings]]:
    """Rows with their vectors, ascending, in blocks."""
    while True:
        page = connection.execute(
            "SELECT row, vector FROM vectors WHERE row > ? AND row <= ? ORDER BY row LIMIT ?", (after, last, BLOCK)
        ).fetchall()
        if not page:
            return
        yield np.array([row for row, _ in page], dtype=np.int64), as_vectors([v for _, v in page], dimension)
        after = page[-1][0]
        if advance:
            advance(len(page))


def _sample(connection: sqlite3.Connection, count: int, dimension: int) -> Embeddings:
    """Vectors to train a kind with, spread evenly over all rows."""
    step = max(1, count // TRAINED)
    found = connection.execute("SELECT vector FROM vectors WHERE row % ? = 0 OR ? = 1", (step, step))
    return as_vectors([vector for (vector,) in found], dimension)


def _record(connection: sqlite3.Connection, record: SegmentRecord | None, last: int) -> None:
    """Note that segments cover all rows up to `last`, with a new one if there are any."""
    if record is not None:
        connection.execute(
            "INSERT INTO segments(file, sha256, bytes, kind, faiss, count, runs, facts) VALUES(?,?,?,?,?,?,?,?)",
            astuple(record),
        )
    database.put(connection, "sealed", last)
    database.add(connection, "generation", 1)
    database.add(connection, "change", 1)


def _give_back(connection: sqlite3.Connection) -> None:
    """Shorten the database's file where much of it is unused."""
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    unused = connection.execute("PRAGMA freelist_count").fetchone()[0]
    if unused > FREE * pages:
        connection.execute("PRAGMA incremental_vacuum").fetchall()


def sweep(connection: sqlite3.Connection, folder: Path) -> None:
    """Remove files of segments that the database does not record; only the writer may do that."""
    place = folder / FOLDER
    if not place.is_dir():
        return
    kept = {name for (name,) in connection.execute("SELECT file FROM segments")}
    left = [path for path in place.iterdir() if path.name not in kept and path.name.endswith((".faiss", ".part"))]
    for path in left:
        path.unlink(missing_ok=True)
    if left:
        sync_folder(place)


def kind_in_words(connection: sqlite3.Connection) -> str:
    """The kinds of the segments, for people: "Flat", "HNSW32 + Flat"."""
    found = [kind for (kind,) in connection.execute("SELECT kind FROM segments ORDER BY number")]
    return " + ".join(dict.fromkeys(found)) or "Flat"
