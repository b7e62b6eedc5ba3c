"""Open the vectors of an index folder with the back-end that its manifest names."""

from __future__ import annotations

from pathlib import Path

from semtune.index.manifest import IndexManifest
from semtune.protocols import VectorIndex
from semtune.registry import INDEXES


def open_vectors(folder: Path, manifest: IndexManifest) -> VectorIndex:
    """Open an index for search.

    Raises:
        InputError: its file is damaged or another index's, or its database cannot be reached.
    """
    return INDEXES.entry(manifest.backend).load().open(folder, manifest)


def vectors_bytes(folder: Path, manifest: IndexManifest) -> int | None:
    """Bytes that the vectors take on disk; None where a server keeps them."""
    return INDEXES.entry(manifest.backend).load().size(folder, manifest)
