"""The cases that changed most between two systems: queries for retrieval, sentence pairs for similarity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semtune.dataset import Dataset
from semtune.evaluate.result import Scores
from semtune.metrics import ranking, ranks
from semtune.types import Document, Qrels, ScoredPair, Split

TOP = 3  # answers shown of each system


@dataclass(frozen=True, slots=True)
class TopHit:
    """One of the answers that a system puts first."""

    title: str
    text: str
    relevant: bool


@dataclass(frozen=True, slots=True)
class Hits:
    """A system's first answers to a query.

    Attributes:
        top: the first ones.
        first_relevant: rank of the first relevant document; 0 where it is not among the `depth` looked at.
    """

    top: tuple[TopHit, ...]
    first_relevant: int
    depth: int


@dataclass(frozen=True, slots=True)
class QueryCase:
    """A query with its metric in both systems and both systems' first answers."""

    query: str
    before: float
    after: float
    hits_before: Hits
    hits_after: Hits


@dataclass(frozen=True, slots=True)
class PairCase:
    """A pair of sentences, people's score, both cosines, and how far each cosine's rank is from the gold rank (0-1)."""

    pair: ScoredPair
    before: float
    after: float
    error_before: float
    error_after: float


@dataclass(frozen=True, slots=True)
class ItemCase:
    """An item of any other kind in lines, the gain on it, and what both systems said of it."""

    lines: tuple[str, ...]
    gain: float
    before: str
    after: str


def usable(tuned: Scores, other: Scores) -> bool:
    """Whether two results can be laid side by side, case by case."""
    same = tuned.kind == other.kind and tuned.query_ids == other.query_ids and np.array_equal(tuned.gold, other.gold)
    return same and bool(np.isfinite(tuned.metrics[tuned.main]) and np.isfinite(other.metrics[other.main]))


def gains(tuned: Scores, other: Scores) -> NDArray[np.float64]:
    """Gain of each item in the main metric; (n,), bigger is better.

    Of a scored pair: in closeness to the gold rank. Of a pair of two classes: how far its rank moved to the right
    side, as a share of all pairs.
    """
    if tuned.kind == "similarity":
        return rank_errors(other) - rank_errors(tuned)
    if tuned.kind == "pairs":
        moved = ranks(tuned.similarities) - ranks(other.similarities)
        return np.where(tuned.gold > 0, moved, -moved) / max(tuned.n, 1)
    return tuned.per_query[tuned.main] - other.per_query[tuned.main]


def rank_errors(scores: Scores) -> NDArray[np.float64]:
    """Distance between each pair's rank by cosine and its rank by gold score, as a share of all pairs; (n,)."""
    return np.abs(ranks(scores.similarities) - ranks(scores.gold)) / max(scores.n, 1)


def most_changed(gain: NDArray[np.float64], count: int) -> tuple[list[int], list[int]]:
    """Positions that gained most and that lost most, the largest first; unchanged ones are in neither."""
    order = np.argsort(-gain, kind="stable")
    won = [int(i) for i in order[:count] if gain[i] > 0]
    lost = [int(i) for i in order[::-1][:count] if gain[i] < 0]
    return won, lost


def query_cases(tuned: Scores, other: Scores, dataset: Dataset, split: Split, rows: list[int]) -> list[QueryCase]:
    """The queries at `rows` with both systems' first answers."""
    documents = {document.id: document for document in dataset.corpus}
    qrels = dataset.qrels[split]
    return [
        QueryCase(
            query=dataset.queries[tuned.query_ids[row]].text,
            before=float(other.per_query[tuned.main][row]),
            after=float(tuned.per_query[tuned.main][row]),
            hits_before=_hits(other, tuned.query_ids[row], documents, qrels),
            hits_after=_hits(tuned, tuned.query_ids[row], documents, qrels),
        )
        for row in rows
    ]


def pair_cases(tuned: Scores, other: Scores, dataset: Dataset, split: Split, rows: list[int]) -> list[PairCase]:
    """The sentence pairs at `rows` with both systems' cosines."""
    before, after = rank_errors(other), rank_errors(tuned)
    return [
        PairCase(
            pair=dataset.scored[split][row],
            before=float(other.similarities[row]),
            after=float(tuned.similarities[row]),
            error_before=float(before[row]),
            error_after=float(after[row]),
        )
        for row in rows
    ]


def item_cases(tuned: Scores, other: Scores, rows: list[int]) -> list[ItemCase]:
    """The items at `rows` with what both systems said of them."""
    gain = gains(tuned, other)
    return [ItemCase(tuned.items[row], float(gain[row]), other.answers[row], tuned.answers[row]) for row in rows]


def _hits(scores: Scores, query: str, documents: Mapping[str, Document], qrels: Qrels) -> Hits:
    ranked = ranking(scores.run.get(query, {}))
    relevant = [qrels[query].get(document, 0) > 0 for document in ranked]
    first = relevant.index(True) + 1 if any(relevant) else 0
    top = [(documents[name], good) for name, good in zip(ranked[:TOP], relevant, strict=False)]
    return Hits(tuple(TopHit(document.title, document.text, good) for document, good in top), first, len(ranked))
