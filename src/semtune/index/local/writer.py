"""Writes to a local collection: one transaction each, on the disk when it returns."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from semtune.errors import InputError
from semtune.index.batch import check_batch
from semtune.index.collection import Changed, content_hash
from semtune.index.local import database, fulltext
from semtune.index.local.snapshot import is_text
from semtune.index.local.view import as_vectors
from semtune.types import Document, Embeddings

SAME = 1e-3  # a difference between two encodings of the same text that is rounding
SHOWN = 60  # characters of an id in a message


@dataclass(frozen=True, slots=True)
class Entry:
    """A document that was checked, in the form of the tables."""

    document: Document
    hash: str
    metadata: str
    vector: bytes


def checked(documents: Sequence[Document], vectors: Embeddings, dimension: int) -> list[Entry]:
    """Documents and their vectors, ready to be written.

    Raises:
        InputError: something about them cannot be stored; nothing was written.
    """
    stored = check_batch(documents, vectors, dimension)
    return [_entry(document, stored[row]) for row, document in enumerate(documents)]


def _entry(document: Document, vector: np.ndarray) -> Entry:
    try:
        metadata = json.dumps(dict(document.metadata), ensure_ascii=False, allow_nan=False)
        if not _has_names(document.metadata):
            raise TypeError("a name that is not a string")
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"The metadata of {_shown(document.id)} is not JSON ({error}). Use strings, finite numbers, true, false, "
            "null, lists and objects with strings as names. Nothing was written."
        ) from None
    return Entry(document, content_hash(document), metadata, vector.tobytes())


def _has_names(value: Any) -> bool:
    """Whether all names in a JSON value are strings."""
    if isinstance(value, Mapping):
        return all(isinstance(name, str) and _has_names(inner) for name, inner in value.items())
    return all(map(_has_names, value)) if isinstance(value, list | tuple) else True


def _shown(name: str) -> str:
    return repr(name if len(name) <= SHOWN else name[:SHOWN] + "…")


def upsert(connection: sqlite3.Connection, path: Path, entries: Sequence[Entry], dimension: int) -> Changed:
    """Write documents in one transaction."""
    with database.transaction(connection, path):
        there = _there(connection, [entry.document.id for entry in entries])
        new, old = [], []
        for entry in entries:
            row, known = there.get(entry.document.id, (None, ""))
            if row is not None and known == entry.hash and _same_vector(connection, row, entry, dimension):
                continue
            new.append(entry)
            if row is not None:
                old.append(row)
        if not new:
            return Changed(unchanged=len(entries))
        _remove(connection, old)
        _insert(connection, new)
        added = len(new) - len(old)
        database.add(connection, "count", added)
        database.add(connection, "change", 1)
    return Changed(added, len(old), len(entries) - len(new))


def delete(connection: sqlite3.Connection, path: Path, ids: Sequence[str]) -> int:
    """Delete documents in one transaction; returns how many there were."""
    with database.transaction(connection, path):
        rows = [row for row, _ in _there(connection, [name for name in ids if is_text(name)]).values()]
        if rows:
            _remove(connection, rows)
            database.add(connection, "count", -len(rows))
            database.add(connection, "change", 1)
    return len(rows)


def _there(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Id → row and hash of those that are there."""
    wanted, found = list(dict.fromkeys(ids)), {}
    for signs, some in database.portions(wanted):
        for name, row, known in connection.execute(f"SELECT id, row, hash FROM documents WHERE id IN ({signs})", some):
            found[name] = (row, known)
    return found


def _same_vector(connection: sqlite3.Connection, row: int, entry: Entry, dimension: int) -> bool:
    stored = connection.execute("SELECT vector FROM vectors WHERE row=?", (row,)).fetchone()
    if stored is None:
        return False
    pair = as_vectors([stored[0], entry.vector], dimension)
    return stored[0] == entry.vector or bool(np.allclose(pair[0], pair[1], atol=SAME))


def _insert(connection: sqlite3.Connection, entries: Sequence[Entry]) -> None:
    first = database.number(connection, "last") + 1
    rows = range(first, first + len(entries))
    pairs = list(zip(rows, entries, strict=True))
    connection.executemany(
        "INSERT INTO documents VALUES(?,?,?,?)", ((row, e.document.id, e.hash, e.metadata) for row, e in pairs)
    )
    connection.executemany(
        "INSERT INTO texts VALUES(?,?,?)", ((row, e.document.title, e.document.text) for row, e in pairs)
    )
    connection.executemany(
        "INSERT INTO vectors VALUES(?,?,?)", ((row, e.vector, zlib.crc32(e.vector)) for row, e in pairs)
    )
    language = fulltext.language_of(connection, [entry.document.content for entry in entries])
    fulltext.add(connection, ((row, e.document.content) for row, e in pairs), language)
    database.put(connection, "last", rows[-1])


def _remove(connection: sqlite3.Connection, rows: Sequence[int]) -> None:
    fulltext.remove(connection, rows)
    named = [(row,) for row in rows]
    for table in ("documents", "texts", "vectors"):
        connection.executemany(f"DELETE FROM {table} WHERE row=?", named)
    connection.executemany("INSERT INTO deleted(row) VALUES(?)", named)
