"""Opens the vectors of an index folder with the back-end named in its manifest."""

from __future__ import annotations

from pathlib import Path

from semtune.index.manifest import IndexManifest
from semtune.protocols import VectorIndex
from semtune.registry import INDEXES


def open_vectors(folder: Path, manifest: IndexManifest) -> VectorIndex:
    """Open an index for search.

    Raises:
        InputError: its file is damaged or belongs to another index, or its database cannot be reached.
    """
    return INDEXES.entry(manifest.backend).load().open(folder, manifest)


def vectors_bytes(folder: Path, manifest: IndexManifest) -> int | None:
    """Bytes of the vectors on disk; None for a server."""
    return INDEXES.entry(manifest.backend).load().size(folder, manifest)
