"""The local collection: one writer, many readers, everything in SQLite."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from semtune.errors import BusyError, InputError, SemtuneError
from semtune.index import manifest as manifests
from semtune.index.collection import Changed
from semtune.index.local import compaction, database, integrity, recall, writer
from semtune.index.local.snapshot import LocalSnapshot
from semtune.index.local.view import Viewer
from semtune.index.manifest import IndexManifest
from semtune.io import storage_errors, write_json
from semtune.locks import holder, lock_file
from semtune.progress import QUIET, Progress
from semtune.types import Document, Embeddings

LOCK = ".writer.lock"
Opened = TypeVar("Opened", bound=sqlite3.Connection)


class LocalCollection:
    """See `Collection`."""

    has_full_text = True

    def __init__(self, folder: Path, manifest: IndexManifest, *, seals: bool = True) -> None:
        """Open the database in a folder.

        Args:
            folder: of the index.
            manifest: whose vectors they are.
            seals: whether many new rows get a segment at once, and not only at the next compaction.

        Raises:
            InputError: it is not there, or damaged.
        """
        self.manifest = manifest
        self._folder = folder.absolute()
        self._path = self._folder / database.FILE
        self._seals = seals
        self._idle: list[database.Connection] = []
        self._open = 0
        self._free = threading.Condition()
        self._writing = threading.RLock()
        self._writer: sqlite3.Connection | None = None
        self._lock = contextlib.ExitStack()
        self._viewer = Viewer(self._folder, manifest.dimension, self._current_segments)
        self._closed = False
        self._idle.append(database.open_to_read(self._folder))
        self._inode = self._path.stat().st_ino  # no other file gets it while this one is open
        self._open = 1

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[LocalSnapshot]:
        """What is there now, to read from."""
        connection = self._take()
        try:
            with database.in_words(self._path):
                connection.execute("BEGIN")
                while (view := self._viewer.view(connection)) is None:
                    connection.execute("ROLLBACK")
                    connection.execute("BEGIN")
            yield LocalSnapshot(connection, view, self.manifest.dimension, self._path)
        finally:
            self._give(connection)

    def upsert(self, documents: Sequence[Document], vectors: Embeddings) -> Changed:
        """Write documents with their (n, dim) vectors; one with the id of another replaces it."""
        entries = writer.checked(documents, vectors, self.manifest.dimension)
        with self._writing:
            connection = self._to_write()
            if not entries:
                return Changed()
            made = writer.upsert(connection, self._path, entries, self.manifest.dimension)
            self._seal(connection)
        return made

    def delete(self, ids: Sequence[str]) -> int:
        """Delete documents; returns how many there were."""
        with self._writing:
            return writer.delete(self._to_write(), self._path, ids)

    def compact(self, progress: Progress = QUIET, probes: Embeddings | None = None) -> None:
        """Make one segment of everything, and drop what was deleted."""
        with self._writing:
            connection = self._to_write()
            changed = compaction.compact(connection, self._folder, self.manifest.dimension, progress, probes)
            with database.in_words(self._path):
                kind = compaction.kind_in_words(connection)
                whole = database.get(connection, integrity.MANIFEST) is not None
            if changed and (whole or probes is None):  # a build measures by itself
                self._measure(connection)
            self.manifest = replace(self.manifest, index_type=kind, **recall.kept(connection))
            if whole:
                write_json(self._folder / manifests.FILE, manifests.mark(self.manifest.backend))

    def verify(self) -> list[str]:
        """Check everything that is stored; returns what is wrong, in words."""
        return integrity.verify(self._folder, self.manifest.dimension)

    def close(self) -> None:
        """Close the connections, and let others write."""
        with self._free:
            self._closed = True
            idle, self._idle = self._idle, []
            self._open -= len(idle)
        for connection in idle:
            connection.close()
        self._viewer.forget()
        with self._writing:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
            self._lock.close()

    def _seal(self, connection: sqlite3.Connection) -> None:
        """Give many new rows a segment; the write before it is safe, whatever becomes of it."""
        if not self._seals:
            return
        try:
            with database.in_words(self._path):
                sealed = compaction.seal(connection, self._folder, self.manifest.dimension)
            if sealed:
                self._measure(connection)
        except SemtuneError as error:
            warnings.warn(
                f"The documents were written, but no segment was made of them, so search stays slower: {error}",
                stacklevel=3,
            )

    def _measure(self, connection: sqlite3.Connection) -> None:
        """Measure the recall of what is there now, for the manifest."""
        with self.snapshot() as seen, database.transaction(connection, self._path):
            recall.keep(connection, seen, self.manifest.dimension)

    def _to_write(self) -> sqlite3.Connection:
        """The connection that writes; the right to write is kept until `close`."""
        if self._closed:
            raise InputError(f"The index {self._folder} was closed. Open it again.")
        if self._was_replaced():
            raise self._replaced()
        if self._writer is None:
            lock = self._folder / LOCK
            with storage_errors(lock):
                ours = self._lock.enter_context(lock_file(lock, remove=True))
            if not ours:
                who = holder(lock)
                raise BusyError(
                    f"Another process{f' ({who})' if who else ''} is writing to the index {self._folder}. Wait until "
                    "it is done, or stop it, and try again. Nothing was written."
                )
            try:
                self._writer = self._own(database.open_to_write(self._folder))
                compaction.sweep(self._writer, self._folder)
            except BaseException:
                self._lock.close()
                raise
        return self._writer

    def _own(self, connection: Opened) -> Opened:
        """The connection, if it leads to the same database as the first one."""
        if self._was_replaced():
            connection.close()
            raise self._replaced()
        return connection

    def _was_replaced(self) -> bool:
        """Whether another file, or none, lies where this index was opened."""
        try:
            return self._path.stat().st_ino != self._inode
        except OSError:
            return True

    def _replaced(self) -> InputError:
        return InputError(
            f"The index {self._folder} was moved, or another one was put in its place. Open it again. Nothing was "
            "written."
        )

    def _take(self) -> database.Connection:
        """A connection that nobody uses."""
        with self._free:
            if self._closed:
                raise InputError(f"The index {self._folder} was closed. Open it again.")
            if self._idle:
                return self._idle.pop()
        try:
            connection = self._own(database.open_to_read(self._folder))
        except InputError:  # replaced by a new build: those that are open still read the old one
            with self._free:
                self._free.wait_for(lambda: self._idle or not self._open)
                if not self._idle:
                    raise
                return self._idle.pop()
        with self._free:
            self._open += 1
        return connection

    def _give(self, connection: database.Connection) -> None:
        with contextlib.suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        with self._free:
            if self._closed or connection.fixed:  # the disk may be writable again when the next one is opened
                connection.close()
                self._open -= 1
            else:
                self._idle.append(connection)
            self._free.notify()

    def _current_segments(self) -> set[str]:
        with contextlib.suppress(SemtuneError, sqlite3.Error):
            connection = database.open_to_read(self._folder)
            try:
                return {name for (name,) in connection.execute("SELECT file FROM segments")}
            finally:
                connection.close()
        return set()
