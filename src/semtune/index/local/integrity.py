"""Checks everything that a local collection keeps, and says in words what is wrong."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from semtune.errors import InputError, SemtuneError
from semtune.index.collection import content_hash
from semtune.index.local import database
from semtune.index.local.segments import FOLDER, RowMap, Segment, SegmentRecord, records_of
from semtune.index.manifest import FILE, mark
from semtune.io import read_json, sha256_json, sha256_of_bytes
from semtune.types import Document

MOST = 20  # problems of one sort that are told
MANIFEST, MANIFEST_HASH = "manifest", "manifest_sha256"


def verify(folder: Path, dimension: int) -> list[str]:
    """What is wrong with an index folder's files; nothing if all is well.

    It reads one state of the database, so writers may go on.
    """
    path = folder / database.FILE
    try:
        connection = database.open_to_read(folder)
    except SemtuneError as error:
        return [str(error)]
    try:
        return _verify(connection, folder, path, dimension)
    except sqlite3.DatabaseError as error:
        return [f"{path} is damaged: {error}"]
    finally:
        connection.close()


def _verify(connection: sqlite3.Connection, folder: Path, path: Path, dimension: int) -> list[str]:
    connection.execute("BEGIN")
    wrong = [
        f"{path} is damaged: {text}"
        for (text,) in connection.execute(f"PRAGMA integrity_check({MOST})")
        if text != "ok"
    ]
    for check in (_manifest, _documents, _full_text, _counts, _vectors):
        try:
            wrong += [f"{path}: {problem}" for problem in check(connection, dimension)]
        except sqlite3.DatabaseError as error:
            wrong.append(f"{path} is damaged: {error}")
    return [*wrong, *_segments(connection, folder, dimension), *_mark(folder)]


def _full_text(connection: sqlite3.Connection, _dimension: int) -> Iterator[str]:
    """FTS5's own check, against the terms that it indexes."""
    connection.execute("PRAGMA query_only=0")  # the check is spelled as an insertion; it writes nothing
    try:
        connection.execute("SAVEPOINT checked")
        connection.execute("INSERT INTO fulltext(fulltext, rank) VALUES('integrity-check', 1)")
    except sqlite3.OperationalError as error:
        if "readonly" not in str(error) and "locked" not in str(error):
            raise
    except sqlite3.DatabaseError as error:
        yield f"the full text does not fit the documents ({error}); `semtune compact` makes it again"
    finally:
        connection.execute("ROLLBACK TO checked")
        connection.execute("PRAGMA query_only=1")


def _counts(connection: sqlite3.Connection, _dimension: int) -> Iterator[str]:
    """Every document has a text, terms and a vector, and nothing is left over."""
    said = database.number(connection, "count")
    for table in ("documents", "texts", "vectors", "terms"):
        found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        if found != said:
            yield f"the table {table} has {found:,} rows instead of {said:,}"
        if table == "documents":
            continue
        alone = connection.execute(
            f"SELECT count(*) FROM documents WHERE row NOT IN (SELECT row FROM {table})"
        ).fetchone()[0]
        if alone:
            yield f"{alone:,} documents have no row in the table {table}"
    last = connection.execute("SELECT coalesce(max(row), 0) FROM documents").fetchone()[0]
    if last > database.number(connection, "last"):
        yield f"row {last} is beyond the last one that was given out"


def _documents(connection: sqlite3.Connection, _dimension: int) -> Iterator[str]:
    """Each is what was written, by its hash."""
    wrong = 0
    for row, name, known, title, text, metadata in connection.execute(
        "SELECT row, id, hash, title, text, metadata FROM documents JOIN texts USING(row)"
    ):
        try:
            same = content_hash(Document(name, text, title, json.loads(metadata))) == known
        except (ValueError, TypeError):
            same = False
        if not same:
            wrong += 1
            if wrong <= MOST:
                yield f"the document {name!r} in row {row} is damaged"
    if wrong > MOST:
        yield f"{wrong:,} documents are damaged"


def _manifest(connection: sqlite3.Connection, _dimension: int) -> Iterator[str]:
    """It is what was written, by its hash."""
    found = database.get(connection, MANIFEST)
    if found is None:
        yield "it has no manifest: building the index was not finished"
    elif sha256_json(found) != database.get(connection, MANIFEST_HASH):
        yield "the manifest is damaged"


def _vectors(connection: sqlite3.Connection, dimension: int) -> Iterator[str]:
    """Each has the right length and finite values, and is what was written."""
    wrong = 0
    for row, blob, crc in connection.execute("SELECT row, vector, crc FROM vectors"):
        whole = len(blob) == 4 * dimension and zlib.crc32(blob) == crc
        if not whole or not np.isfinite(np.frombuffer(blob, dtype=np.float32)).all():
            wrong += 1
            if wrong <= MOST:
                yield f"the vector in row {row} is damaged"
    if wrong > MOST:
        yield f"{wrong:,} vectors are damaged"


def _segments(connection: sqlite3.Connection, folder: Path, dimension: int) -> Iterator[str]:
    """Each is whole, and all of them hold every row that they should."""
    alive = np.fromiter((row for (row,) in connection.execute("SELECT row FROM vectors ORDER BY row")), dtype=np.int64)
    sealed = database.number(connection, "sealed")
    inside = alive[alive <= sealed]
    found = np.zeros(len(inside), dtype=np.int64)
    dead = {row for (row,) in connection.execute("SELECT row FROM deleted")}
    for record in records_of(connection):
        problem = segment_problem(folder, record) or _unreadable(folder, record, dimension)
        if problem:
            yield f"{problem}; exact search answers in its place, `semtune compact` makes it again"
        rows = RowMap(record.runs)
        if rows.count != record.count:
            yield f"the segment {record.file} has {record.count:,} vectors but {rows.count:,} rows"
        every = rows.rows(np.arange(rows.count))
        found[np.searchsorted(inside, every[np.isin(every, inside)])] += 1
        unknown = [row for row in every[~np.isin(every, inside)].tolist() if row not in dead]
        if unknown:
            yield f"the segment {record.file} has {len(unknown):,} rows that are neither there nor deleted"
    if (found != 1).any():
        yield f"{int((found != 1).sum()):,} rows are not in exactly one segment"


def _unreadable(folder: Path, record: SegmentRecord, dimension: int) -> str:
    try:
        Segment.open(folder, record, dimension)
    except InputError as error:
        return str(error)
    return ""


def segment_problem(folder: Path, record: SegmentRecord) -> str:
    """What is wrong with a segment's file, by its size and its hash; empty if it is whole."""
    path = folder / FOLDER / record.file
    try:
        if (size := path.stat().st_size) != record.bytes:
            return f"{path} has {size:,} bytes instead of {record.bytes:,}"
        found = sha256_of_bytes(path)
    except OSError as error:
        return f"{path} cannot be read ({error.strerror})"
    return "" if found == record.sha256 else f"{path} is damaged: its bytes are not those that were written"


def _mark(folder: Path) -> Iterator[str]:
    """The small file by which a folder is known as an index."""
    path = folder / FILE
    try:
        whole = read_json(path) == mark("local")
    except (InputError, OSError):
        whole = False
    if not whole:
        yield f"{path} is missing or damaged; everything is read from {database.FILE}, and `semtune compact` mends it"
