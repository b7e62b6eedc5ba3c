"""Topics of the map of an index: clusters of its vectors."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from semtune.tasks.topics.layout import Layout, centres
from semtune.types import Embeddings

MOST_TOPICS, FEWEST_DOCUMENTS = 40, 20


def topics_of(layout: Layout) -> NDArray[np.int64]:
    """(n,) numbers of topics, the largest topic first; that of a document is its landmark's."""
    documents = len(layout.landmark_of)
    wanted = min(MOST_TOPICS, max(2, round(math.sqrt(documents) / 3)))
    if documents < FEWEST_DOCUMENTS or wanted > len(layout.landmarks):
        return np.zeros(documents, dtype=np.int64)
    weights = np.bincount(layout.landmark_of, minlength=len(layout.landmarks)).astype(np.float32)
    middle = centres(layout.landmarks, wanted, np.maximum(weights, 1e-3))
    found = np.argmax(layout.landmarks @ middle.T, axis=1)[layout.landmark_of]
    sizes = np.bincount(found, minlength=wanted)
    order = np.argsort(-sizes, kind="stable")
    rank = np.empty(wanted, dtype=np.int64)
    rank[order] = np.arange(wanted)
    return rank[found]


def middles_of(topics: NDArray[np.int64], vectors: Embeddings) -> Embeddings:
    """(topics, dim) mean vectors."""
    count = int(topics.max()) + 1 if len(topics) else 0
    return np.stack([vectors[topics == topic].mean(axis=0) for topic in range(count)]) if count else vectors[:0]
