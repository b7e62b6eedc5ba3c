"""Opens the collection of an index folder with the back-end named in its manifest."""

from __future__ import annotations

from pathlib import Path

from semtune.index.collection import Collection
from semtune.index.manifest import IndexManifest
from semtune.registry import INDEXES


def open_collection(folder: Path, manifest: IndexManifest) -> Collection:
    """Open an index.

    Raises:
        InputError: its file is damaged or belongs to another index, or its database cannot be reached.
    """
    opened = INDEXES.entry(manifest.backend).load().open(folder, manifest)
    if hasattr(opened, "snapshot"):
        return opened
    from semtune.index.documents import DocumentStore
    from semtune.index.legacy import OldCollection

    return OldCollection(opened, DocumentStore(folder), manifest, folder)  # a back-end of rows, as of old Milvus folders


def size_of(folder: Path, manifest: IndexManifest) -> int | None:
    """Bytes of the vectors on disk; None for a server."""
    return INDEXES.entry(manifest.backend).load().size(folder, manifest)
