"""A map of an index: where its documents lie, and their topics. Drawn once, from a sample of a large index."""

from __future__ import annotations

import base64
import heapq
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semtune.index.collection import Snapshot, read_vectors
from semtune.serve.own.map_topics import middles_of, topics_of
from semtune.tasks.topics.layout import laid_out
from semtune.tasks.topics.words import READ, names_of
from semtune.text import stable_hash
from semtune.types import Embeddings
from semtune.unit_vectors import unit

MOST_POINTS = 100_000
FORM = "1"  # of the file; another one is not read


@dataclass(frozen=True, eq=False)  # no slots: `row_of` is kept
class CorpusMap:
    """The drawn documents of an index, in one order.

    Attributes:
        ids: (n,) of the documents.
        places: (n, 2), from 0 to 65,535.
        topics: (n,) number of each document's topic.
        names: words for each topic.
        middles: (topics, dim) mean vectors.
        documents: in the index when it was drawn.
    """

    ids: list[str]
    places: NDArray[np.uint16]
    topics: NDArray[np.int64]
    names: list[list[str]]
    middles: Embeddings
    documents: int

    @cached_property
    def row_of(self) -> dict[str, int]:
        """The place of each id in `ids`."""
        return {id_: row for row, id_ in enumerate(self.ids)}

    def as_dict(self) -> dict[str, Any]:
        """What the page draws; arrays are base64 of little-endian numbers."""
        return {
            "documents": self.documents,
            "points": len(self.ids),
            "places": _base64(self.places.astype("<u2")),
            "topic_of": _base64(self.topics.astype("u1")),
            "topics": [self._topic(number) for number in range(len(self.names))],
        }

    def named(self, rows: Sequence[int]) -> list[str]:
        """The ids of some rows; rows that are not there are left out."""
        return [self.ids[row] for row in rows if row < len(self.ids)]

    def members(self, topic: int) -> list[str]:
        """The ids of a topic's documents."""
        return [self.ids[at] for at in np.flatnonzero(self.topics == topic).tolist()]

    def _topic(self, number: int) -> dict[str, Any]:
        mine = self.places[self.topics == number]
        x, y = np.median(mine, axis=0).tolist() if len(mine) else (0.0, 0.0)
        return {"topic": number, "words": self.names[number], "documents": len(mine), "x": x, "y": y}


def drawn(snapshot: Snapshot, most: int = MOST_POINTS) -> CorpusMap:
    """Draw the map of an index; of a large one always the same sample of `most` documents."""
    sample = _sampled(snapshot, most)
    ids = [id_ for _, id_, _ in sample]
    if not ids:
        empty = np.zeros((0, 2), dtype=np.uint16)
        return CorpusMap([], empty, np.zeros(0, dtype=np.int64), [], np.zeros((0, 1), dtype=np.float32), 0)
    vectors = unit(read_vectors(snapshot, ids))
    layout = laid_out(vectors)
    topics = topics_of(layout)
    names = names_of(topics, [text for _, _, text in sample])
    return CorpusMap(ids, layout.places, topics, names, middles_of(topics, vectors), snapshot.count())


def _sampled(snapshot: Snapshot, most: int) -> list[tuple[int, str, str]]:
    """(hash, id, beginning of the text) of the documents with the smallest hashes."""
    rows = ((stable_hash(found.id), found.id, found.content[:READ]) for found in snapshot.documents())
    return heapq.nsmallest(most, rows)


def to_bytes(map_: CorpusMap) -> bytes:
    """The form in which a map is kept."""
    facts = {"ids": map_.ids, "names": map_.names, "documents": map_.documents}
    out = io.BytesIO()
    np.savez(
        out,
        places=map_.places,
        topics=map_.topics,
        middles=map_.middles,
        facts=np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8),
    )
    return out.getvalue()


def from_bytes(data: bytes) -> CorpusMap | None:
    """What `to_bytes` wrote; None for a damaged file, which is drawn again."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as parts:
            facts = json.loads(parts["facts"].tobytes())
            made = CorpusMap(
                facts["ids"], parts["places"], parts["topics"], facts["names"], parts["middles"], facts["documents"]
            )
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile):
        return None
    return made if len(made.ids) == len(made.places) == len(made.topics) else None


def _base64(numbers: NDArray[Any]) -> str:
    return base64.b64encode(numbers.tobytes()).decode("ascii")
