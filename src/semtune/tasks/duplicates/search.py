"""All pairs of texts that are similar enough, and the groups that they form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from semtune.progress import QUIET, Progress
from semtune.tasks.duplicates.best_pairs import BestPairs, Closest, Pairs
from semtune.tasks.duplicates.blocks import COLUMNS, EXACT_PAIRS, ROWS, Graph, similar, spans
from semtune.tasks.duplicates.leaders import Leaders
from semtune.types import Embeddings

TASK = "compare texts"
Kinds: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Apart:
    """Pairs of texts that are not duplicates, whatever their similarity.

    Attributes:
        count: number of texts.
        keys: those that people set apart: `first x count + second`, with the smaller row first.
        kinds: (n,) only texts of one kind can be duplicates; None: all can be.
    """

    count: int
    keys: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    kinds: NDArray[np.int64] | None = None

    def without(self, pairs: Pairs) -> Pairs:
        """The other pairs."""
        if self.kinds is not None:
            pairs = pairs.at(self.kinds[pairs.first] == self.kinds[pairs.second])
        if len(self.keys):
            pairs = pairs.at(~np.isin(pairs.first * self.count + pairs.second, self.keys))
        return pairs


@dataclass(frozen=True, slots=True)
class Found:
    """Similar pairs, and for each text the one that stands for it.

    Attributes:
        pairs: the most similar ones.
        total: number of pairs found, also those that were not kept.
        closest: for each text the similar one that is kept in its place, if there is one.
        exact: every pair was compared.
        recall: share of a sample's pairs that were found; 1 where every pair was compared.
        sampled: number of pairs in that sample; 0 where there is none.
    """

    pairs: Pairs
    total: int
    closest: Closest
    exact: bool
    recall: float
    sampled: int


def find_pairs(
    vectors: Embeddings,
    threshold: float,
    most: int,
    apart: Apart | None = None,
    progress: Progress = QUIET,
    exact_pairs: int = EXACT_PAIRS,
    seed: int = 0,
) -> Found:
    """Find the pairs among texts whose cosine reaches a threshold, and their groups; see `leaders`.

    Args:
        vectors: (n, dim) of length 1; texts that should be kept rather than others come first.
        threshold: from -1 to 1.
        most: pairs that are kept; the others are counted, and count for the groups.
        apart: pairs that are not duplicates.
        progress: shown while it works.
        exact_pairs: if there are more pairs of texts, neighbours are looked up in a graph.
        seed: of the sample on which the graph's recall is measured.
    """
    apart = apart or Apart(len(vectors))
    if len(vectors) ** 2 // 2 > exact_pairs:
        return _pairs_by_graph(vectors, threshold, most, apart, progress, seed)
    best, leaders = BestPairs(most), Leaders(len(vectors))
    with progress.track(TASK, len(vectors)) as advance:
        for rows in spans(0, len(vectors), ROWS):
            inside = similar(vectors, vectors, rows, rows, threshold)
            inside = apart.without(inside.at(inside.first < inside.second))
            best.add(inside)
            leaders.settle(rows.start, rows.stop, inside)
            for columns in spans(rows.stop, len(vectors), COLUMNS):
                across = apart.without(similar(vectors, vectors, rows, columns, threshold))
                best.add(across)
                leaders.give(across)
            advance(len(rows))
    return Found(best.best(), best.total, leaders.closest, True, 1.0, 0)


def _pairs_by_graph(
    vectors: Embeddings, threshold: float, most: int, apart: Apart, progress: Progress, seed: int
) -> Found:
    count = len(vectors)
    graph, every = _asked(vectors, vectors, threshold, progress)
    first, second = np.minimum(every.first, every.second), np.maximum(every.first, every.second)
    _, places = np.unique(first * count + second, return_index=True)  # most pairs are found from both sides
    pairs = Pairs(first[places], second[places], every.scores[places])
    pairs = pairs.at(pairs.first < pairs.second)
    recall, sampled = graph.recall(pairs, seed, among=True)
    pairs = apart.without(pairs)
    best, leaders = BestPairs(most), Leaders(count)
    best.add(pairs)
    leaders.settle(0, count, pairs)
    return Found(best.best(), best.total, leaders.closest, False, recall, sampled)


def find_matches(
    vectors: Embeddings,
    others: Embeddings,
    threshold: float,
    most: int,
    kinds: Kinds | None = None,
    progress: Progress = QUIET,
    exact_pairs: int = EXACT_PAIRS,
    seed: int = 0,
) -> Found:
    """Find for each text those of another set whose cosine reaches a threshold; `second` are rows of the other set.

    Args:
        vectors: (n, dim) of length 1.
        others: (m, dim) of length 1.
        threshold, most, progress, exact_pairs, seed: as of `find_pairs`.
        kinds: (n,) and (m,): only texts of one kind can be duplicates; None: all can be.
    """

    def allowed(pairs: Pairs) -> Pairs:
        return pairs if kinds is None else pairs.at(kinds[0][pairs.first] == kinds[1][pairs.second])

    best, closest = BestPairs(most), Closest(len(vectors))
    if len(vectors) * len(others) > exact_pairs:
        graph, every = _asked(vectors, others, threshold, progress)
        recall, sampled = graph.recall(every, seed, among=False)
        every = allowed(every)
        best.add(every)
        closest.take(every.first, every.second, every.scores)
        return Found(best.best(), best.total, closest, False, recall, sampled)
    with progress.track(TASK, len(vectors)) as advance:
        for rows in spans(0, len(vectors), ROWS):
            for columns in spans(0, len(others), COLUMNS):
                pairs = allowed(similar(vectors, others, rows, columns, threshold))
                best.add(pairs)
                closest.take(pairs.first, pairs.second, pairs.scores)
            advance(len(rows))
    return Found(best.best(), best.total, closest, True, 1.0, 0)


def _asked(vectors: Embeddings, others: Embeddings, threshold: float, progress: Progress) -> tuple[Graph, Pairs]:
    """A graph, and the pairs of all rows that it finds."""
    parts: list[Pairs] = []
    progress.say(f"{len(others):,} texts are too many to compare all: building a graph of them.")
    graph = Graph(vectors, others, threshold)
    with progress.track(TASK, len(vectors)) as advance:
        for rows in spans(0, len(vectors), ROWS):
            parts.append(graph.similar(rows))
            advance(len(rows))
    return graph, Pairs.none().and_(parts)
