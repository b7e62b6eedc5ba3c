"""The database of a local collection: its tables, its connections, and its errors in words."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from semtune.errors import InputError, StorageError
from semtune.io import FULL

FILE = "index.sqlite"
PAGE = 8192  # bytes; five vectors of 384 dimensions fit in one
WAIT = 10.0  # seconds to wait for another connection's checkpoint
CACHE = 16  # MiB of a connection
ASKED = 500  # values in one statement
T = TypeVar("T")
DAMAGED = ("malformed", "not a database", "no such table", "corrupt")  # in SQLite's words

UNWRITABLE = ("unable to open", "readonly", "disk I/O", "full")  # in SQLite's words: no room for its files
# `deleted` has the rows that were deleted since the last compaction: segments may contain them.
# `sealed` in meta: every row up to it that is alive is in a segment.
TABLES = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE documents(
    row INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, hash TEXT NOT NULL, metadata TEXT NOT NULL
);
CREATE TABLE texts(row INTEGER PRIMARY KEY, title TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE vectors(row INTEGER PRIMARY KEY, vector BLOB NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE terms(row INTEGER PRIMARY KEY, terms TEXT NOT NULL);
CREATE TABLE deleted(sequence INTEGER PRIMARY KEY AUTOINCREMENT, row INTEGER NOT NULL);
CREATE TABLE segments(
    number INTEGER PRIMARY KEY AUTOINCREMENT, file TEXT NOT NULL UNIQUE, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL,
    kind TEXT NOT NULL, faiss TEXT NOT NULL, count INTEGER NOT NULL, runs BLOB NOT NULL, facts TEXT NOT NULL
);
"""
# Terms are already analysed and joined by spaces, so nothing but white space separates them.
_MARKS = "".join(chr(code) for code in range(33, 127) if not chr(code).isalnum())
_TOKENIZE = "ascii tokenchars " + "'" + _MARKS.replace("'", "''") + "'"
FULL_TEXT = (
    "CREATE VIRTUAL TABLE fulltext USING fts5(terms, content='terms', content_rowid='row', tokenize="
    + '"'
    + _TOKENIZE.replace('"', '""')
    + '")'
)


@contextlib.contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Turn errors of SQLite into errors that say what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explained(error, path) from error


def _explained(error: sqlite3.Error, path: Path) -> InputError | StorageError:
    text = str(error)  # Python 3.10 gives no codes
    if "locked" in text:
        return InputError(f"Another process is writing to {path}. Wait until it is done, or stop it, and try again.")
    if any(sign in text for sign in DAMAGED):
        return InputError(
            f"{path} is damaged ({text}). Copy what is left with `semtune dump`, or build the index again with "
            "`semtune index`."
        )
    full = "full" in text or shutil.disk_usage(path.parent).free < FULL
    reason = "no space is left on the disk" if full else text
    return StorageError(
        f"Cannot read or write {path}: {reason}. Nothing of this write was kept; what was written before is safe. Free "
        "some space, or mend the disk, and run the same command again."
    )


class Connection(sqlite3.Connection):
    """A connection to a collection's database.

    Attributes:
        fixed: whether it takes the file as it is, without looking for what others write.
    """

    fixed = False


def create(folder: Path) -> sqlite3.Connection:
    """Make an empty database in a folder."""
    path = folder / FILE
    with in_words(path):
        connection = _connect(f"file:{quote(str(path.absolute()))}?mode=rwc")
        connection.execute(f"PRAGMA page_size={PAGE}")
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        _durable(connection)
        connection.executescript(f"BEGIN;{TABLES}{FULL_TEXT};COMMIT;")
    return connection


def open_to_write(folder: Path) -> sqlite3.Connection:
    """A connection that writes; every commit is on the disk before it returns."""
    path = folder / FILE
    with in_words(path):
        connection = _connect(f"file:{quote(str(path.absolute()))}?mode=rw")
        _durable(connection)
    return connection


def open_to_read(folder: Path) -> Connection:
    """A connection that only reads, also from a disk that cannot be written."""
    path = folder / FILE
    if not path.is_file():
        raise InputError(f"{folder} is not a local index: it has no {FILE}. Build one with `semtune index`.")
    with in_words(path):
        try:
            return _reading(path, "rw" if os.access(path, os.W_OK) else "ro")
        except sqlite3.OperationalError as error:
            log = path.with_name(f"{FILE}-wal")
            if not any(sign in str(error) for sign in UNWRITABLE) or (log.exists() and log.stat().st_size):
                raise
            found = _reading(path, "ro&immutable=1")  # a full or read-only disk: nobody can write meanwhile
            found.fixed = True
            return found


def _reading(path: Path, mode: str) -> Connection:
    connection = _connect(f"file:{quote(str(path.absolute()))}?mode={mode}")
    try:
        connection.execute("PRAGMA query_only=1")
        connection.execute("SELECT 1 FROM meta LIMIT 1").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(address: str) -> Connection:
    connection = sqlite3.connect(
        address, uri=True, timeout=WAIT, isolation_level=None, check_same_thread=False, factory=Connection
    )
    connection.execute(f"PRAGMA cache_size=-{CACHE * 1024}")
    connection.execute("PRAGMA trusted_schema=0")
    return connection


def _durable(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """All that the block writes, or nothing; it is on the disk when the block ends."""
    with in_words(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def portions(values: Sequence[T]) -> Iterator[tuple[str, Sequence[T]]]:
    """Values in portions that one statement takes, each with its place holders for an IN (...)."""
    for start in range(0, len(values), ASKED):
        some = values[start : start + ASKED]
        yield ",".join("?" * len(some)), some


def get(connection: sqlite3.Connection, key: str, default: object = None) -> object:
    """A value of the table meta."""
    found = connection.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
    return default if found is None else found[0]


def number(connection: sqlite3.Connection, key: str) -> int:
    """A whole number of the table meta; 0 if it is not there."""
    return int(str(get(connection, key, 0)))


def put(connection: sqlite3.Connection, key: str, value: object) -> None:
    """Write a value of the table meta."""
    connection.execute("INSERT INTO meta VALUES(?,?) ON CONFLICT(key) DO UPDATE SET value=excluded.value", (key, value))


def add(connection: sqlite3.Connection, key: str, amount: int) -> None:
    """Add to a whole number of the table meta."""
    put(connection, key, number(connection, key) + amount)
