"""The local back-end, the default; see `semtune.index.collection.CollectionBackend`."""

from __future__ import annotations

from pathlib import Path

from semtune.index.local import database
from semtune.index.local.collection import LocalCollection
from semtune.index.local.segments import FOLDER
from semtune.index.manifest import IndexManifest
from semtune.index.settings import IndexSettings


class LocalBackend:
    """Keeps a collection in an index folder: index.sqlite, and files in `segments` that can be made again."""

    @staticmethod
    def create(folder: Path, home: Path, settings: IndexSettings, manifest: IndexManifest) -> LocalCollection:
        """Make an empty collection in a folder."""
        del home
        connection = database.create(folder)
        with database.transaction(connection, folder / database.FILE):
            database.put(connection, "dimension", manifest.dimension)
            database.put(connection, "recall", settings.recall)
            database.put(connection, "memory", settings.memory_mb << 20)
        connection.close()
        return LocalCollection(folder, manifest, seals=False)

    @staticmethod
    def open(folder: Path, manifest: IndexManifest) -> LocalCollection:
        """Open a collection.

        Raises:
            InputError: it is not there, or damaged.
        """
        opened = LocalCollection(folder, manifest)
        with opened.snapshot():
            return opened

    @staticmethod
    def size(folder: Path, manifest: IndexManifest) -> int:
        """Bytes of the database and the segments."""
        del manifest
        files = [folder / f"{database.FILE}{end}" for end in ("", "-wal")] + list((folder / FOLDER).glob("*.faiss"))
        return sum(path.stat().st_size for path in files if path.is_file())

    @staticmethod
    def outside(manifest: IndexManifest) -> list[Path]:
        """No files."""
        del manifest
        return []
