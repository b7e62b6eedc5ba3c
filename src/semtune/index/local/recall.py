"""Measures the recall of a whole collection, with the queries that it was built with, and keeps what came of it.

At a compaction, and when so many documents were added that they got a segment: never with each write.
"""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime, timezone
from typing import Any

import numpy as np

from semtune.index.local import database, kinds
from semtune.index.local.snapshot import LocalSnapshot
from semtune.types import Embeddings

MEASURED, PROBES = "recall_measured", "probes"
DEPTH = kinds.DEPTH


def keep(connection: sqlite3.Connection, snapshot: LocalSnapshot, dimension: int) -> None:
    """Measure and write down the recall, in the transaction that the connection is in.

    Args:
        connection: that writes.
        snapshot: of the newest state.
        dimension: of the vectors.
    """
    probes = stored_probes(connection, dimension)
    recall = measure(snapshot, probes)
    found: dict[str, Any] = {
        "recall_at_10": round(recall, 4),
        "recall_of": snapshot.count(),
        "recall_when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    if probes is None:
        found["asked_with"] = "documents"
    database.put(connection, MEASURED, json.dumps(found))


def kept(connection: sqlite3.Connection) -> dict[str, Any]:
    """Values of the manifest that the last measurement since the build gave; {} if there was none."""
    found = database.get(connection, MEASURED)
    return json.loads(str(found)) if found is not None else {}


def stored_probes(connection: sqlite3.Connection, dimension: int) -> Embeddings | None:
    """The (m, dim) query vectors that the index was built with; None if it has none."""
    found = database.get(connection, PROBES)
    return np.frombuffer(found, dtype=np.float32).reshape(-1, dimension) if isinstance(found, bytes) and found else None


def measure(snapshot: LocalSnapshot, probes: Embeddings | None) -> float:
    """Recall@10 against exact search, by score, since of two equal documents either is right.

    Args:
        snapshot: what is searched.
        probes: (m, dim) query vectors; None: vectors of documents, which do not count themselves.
    """
    if snapshot.is_exact or not snapshot.count():
        return 1.0
    own = probes is None
    asked = snapshot.some_vectors(kinds.PROBES) if probes is None else probes
    depth = min(DEPTH + own, snapshot.count())
    lowest = snapshot.exact_scores(asked, depth)[:, -1] - kinds.ROUNDING
    right = sum(
        sum(match.score >= floor for match in matches)
        for floor, matches in zip(lowest.tolist(), snapshot.search(asked, depth), strict=True)
    )
    return (right - own * len(asked)) / (len(asked) * max(1, depth - own))
