"""The keyword search of a local index over documents alone: an evaluation asks it what the index will answer."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence

from semtune.index.collection import Match
from semtune.index.local import database, fulltext
from semtune.index.terms import language_of
from semtune.types import Document


class Words:
    """Full text of documents in a private, temporary database; the terms, scores and ties are those of an index."""

    def __init__(self, documents: Sequence[Document]) -> None:
        """Read the documents, which have unique ids."""
        self._lock = threading.Lock()
        # An empty name: SQLite keeps what does not fit in its cache in a temporary file, and removes it.
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._connection.executescript(f"BEGIN;{database.TABLES}{database.FULL_TEXT};")
        self.language = language_of([document.content for document in documents])
        database.put(self._connection, fulltext.LANGUAGE, self.language)
        self._connection.executemany(
            "INSERT INTO documents VALUES(?,?,'','{}')",
            ((row, document.id) for row, document in enumerate(documents, start=1)),
        )
        rows = ((row, document.content) for row, document in enumerate(documents, start=1))
        fulltext.add(self._connection, rows, self.language)
        self._connection.execute("COMMIT")

    @property
    def is_empty(self) -> bool:
        """Whether no document has a word."""
        with self._lock:
            return self._connection.execute("SELECT 1 FROM terms WHERE terms != '' LIMIT 1").fetchone() is None

    def search(self, text: str, depth: int) -> list[Match]:
        """The `depth` documents of largest BM25 score that share a word with a text, best first."""
        with self._lock:
            return [Match(*found) for found in fulltext.search(self._connection, text, depth)]

    def close(self) -> None:
        """Remove the database."""
        self._connection.close()
