"""Opens the collection of an index folder with the back-end named in its manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from semtune.index.collection import Collection, CollectionBackend
from semtune.index.manifest import IndexManifest
from semtune.index.settings import IndexSettings
from semtune.registry import INDEXES

if TYPE_CHECKING:
    from semtune.protocols import Backend, VectorIndex


def backend_of(name: str) -> CollectionBackend:
    """A back-end by its name; "faiss" is what "local" was called before it could be written."""
    if name == "faiss":
        from semtune.index.legacy import OldFaiss

        return OldFaiss
    return INDEXES.entry(name).load()


def create_collection(folder: Path, home: Path, settings: IndexSettings, manifest: IndexManifest) -> Collection:
    """Make an empty collection in an empty folder, which will lie at `home` when it is whole."""
    backend = backend_of(settings.backend)
    if hasattr(backend, "create"):
        return backend.create(folder, home, settings, manifest)
    from semtune.index.legacy import Rows

    rows = Rows(cast("Backend", backend), folder, home, settings, manifest)
    return cast("Collection", rows)  # to build with; it is opened as something else


def open_collection(folder: Path, manifest: IndexManifest) -> Collection:
    """Open an index.

    Raises:
        InputError: its file is damaged or belongs to another index, or its database cannot be reached.
    """
    opened = backend_of(manifest.backend).open(folder, manifest)
    if hasattr(opened, "snapshot"):
        return opened
    from semtune.index.documents import DocumentStore
    from semtune.index.legacy import OldCollection

    # A back-end of rows, as that of old Milvus folders.
    return OldCollection(cast("VectorIndex", opened), DocumentStore(folder), manifest, folder)


def size_of(folder: Path, manifest: IndexManifest) -> int | None:
    """Bytes of the vectors on disk; None for a server."""
    return backend_of(manifest.backend).size(folder, manifest)
