"""Passages that stand for a topic: near its centre, and unlike each other."""

from __future__ import annotations

import numpy as np

from semtune.tasks.topics.ward import Labels
from semtune.types import Embeddings

CANDIDATES = 50  # nearest to the centre
RELEVANT = 0.7  # weight of the nearness; the rest is that of being unlike those already chosen


def representatives(projected: Embeddings, middles: Embeddings, topic: Labels, count: int) -> list[list[int]]:
    """Rows of up to `count` texts for each topic, by maximal marginal relevance (Carbonell & Goldstein 1998).

    Args:
        projected: (n, components) unit vectors.
        middles: (topics, components) the topics' centres.
        topic: (n,) of each text; -1: none.
        count: of passages for each topic.
    """
    order = np.argsort(topic, kind="stable")
    bounds = np.searchsorted(topic[order], np.arange(len(middles) + 1))
    found = []
    for number, middle in enumerate(middles):
        mine = order[bounds[number] : bounds[number + 1]]
        near = projected[mine] @ middle
        best = np.argsort(-near, kind="stable")[:CANDIDATES]
        found.append([int(mine[best[at]]) for at in _varied(projected[mine[best]], near[best], count)])
    return found


def _varied(vectors: Embeddings, near: np.ndarray, count: int) -> list[int]:
    chosen: list[int] = []
    alike = np.zeros(len(vectors))
    for _ in range(min(count, len(vectors))):
        value = RELEVANT * near - (1 - RELEVANT) * alike
        value[chosen] = -np.inf
        chosen.append(int(value.argmax()))
        alike = np.maximum(alike, vectors @ vectors[chosen[-1]])
    return chosen
