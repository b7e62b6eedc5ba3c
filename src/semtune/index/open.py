"""Open the vectors of an index folder with the back-end that its manifest names."""

from __future__ import annotations

from pathlib import Path

from semtune.index.manifest import IndexManifest
from semtune.types import VectorIndex


def open_vectors(folder: Path, manifest: IndexManifest) -> VectorIndex:
    """Open an index for search.

    Raises:
        InputError: its file is damaged or another index's, or its database cannot be reached.
    """
    if manifest.backend == "milvus":
        from semtune.index.milvus import MilvusIndex

        return MilvusIndex.open(manifest.uri, manifest.collection, manifest.count)
    from semtune.index.faiss import FaissIndex

    return FaissIndex.open(folder, manifest.count, manifest.dimension)


def vectors_bytes(folder: Path, manifest: IndexManifest) -> int | None:
    """Bytes that the vectors take on disk; None where a server keeps them."""
    if manifest.backend == "milvus":
        from semtune.index.milvus import local_file

        file = local_file(manifest.uri)
        if file is None:
            return None
        files = [path for path in file.rglob("*") if path.is_file()] if file.is_dir() else [file]
        return sum(path.stat().st_size for path in files)
    from semtune.index.faiss import FILE

    return (folder / FILE).stat().st_size
