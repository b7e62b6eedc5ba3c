"""What an index is made of, in numbers, for `semtune info`."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from semtune.index import manifest as manifests
from semtune.index.open import size_of


def statistics_of(version: Path) -> dict[str, Any]:
    """Numbers of one version of an index.

    Returns:
        `documents` and `bytes` (None where a server keeps them); of a local index also `deleted`, rows that a
        compaction will drop, `segments` with their kinds, and `delta`, documents that are in no segment yet.

    Raises:
        InputError: it is damaged.
    """
    manifest = manifests.read(version)
    found: dict[str, Any] = {"documents": manifest.count, "bytes": size_of(version, manifest)}
    return found | (_of_local(version) if (version / manifests.DATABASE).is_file() else {})


def _of_local(version: Path) -> dict[str, Any]:
    from semtune.index.local import database

    with contextlib.closing(database.open_to_read(version)) as connection, database.in_words(version):
        sealed = database.number(connection, "sealed")
        deleted = connection.execute("SELECT count(DISTINCT row) FROM deleted").fetchone()[0]
        delta = connection.execute("SELECT count(*) FROM documents WHERE row > ?", (sealed,)).fetchone()[0]
        segments = connection.execute("SELECT kind, count, bytes FROM segments ORDER BY number").fetchall()
    kinds = [f"{kind}: {count:,} vectors, {size:,} bytes" for kind, count, size in segments]
    return {"deleted": deleted, "delta": delta, "segments": len(segments), "kinds": kinds}
