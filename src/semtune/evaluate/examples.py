"""The cases that changed most between two systems: queries for retrieval, sentence pairs for similarity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semtune.dataset import Dataset
from semtune.evaluate.scores import Scores
from semtune.metrics import ranking, ranks
from semtune.types import Document, Qrels, ScoredPair, Split


@dataclass(frozen=True, slots=True)
class TopHit:
    """What a system puts first for a query, and at which rank it has the first relevant document (0: not found)."""

    title: str
    text: str
    relevant: bool
    first_relevant: int


@dataclass(frozen=True, slots=True)
class QueryCase:
    """A query with its metric in both systems and both systems' first answer; None where there is no answer."""

    query: str
    before: float
    after: float
    hit_before: TopHit | None
    hit_after: TopHit | None


@dataclass(frozen=True, slots=True)
class PairCase:
    """A pair of sentences, people's score, both cosines, and how far each cosine's rank is from the gold rank (0-1)."""

    pair: ScoredPair
    before: float
    after: float
    error_before: float
    error_after: float


def usable(tuned: Scores, other: Scores) -> bool:
    """Whether two results can be laid side by side, case by case."""
    same = tuned.kind == other.kind and tuned.query_ids == other.query_ids and np.array_equal(tuned.gold, other.gold)
    return same and bool(np.isfinite(tuned.metrics[tuned.main]) and np.isfinite(other.metrics[other.main]))


def gains(tuned: Scores, other: Scores) -> NDArray[np.float64]:
    """Gain of each query in the main metric, or of each pair in closeness to the gold rank; (n,), bigger is better."""
    if tuned.kind == "retrieval":
        return tuned.per_query[tuned.main] - other.per_query[tuned.main]
    return rank_errors(other) - rank_errors(tuned)


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
            hit_before=_top_hit(other, tuned.query_ids[row], documents, qrels),
            hit_after=_top_hit(tuned, tuned.query_ids[row], documents, qrels),
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


def _top_hit(scores: Scores, query: str, documents: Mapping[str, Document], qrels: Qrels) -> TopHit | None:
    ranked = ranking(scores.run.get(query, {}))
    if not ranked:
        return None
    grades = qrels[query]
    first = next((rank for rank, document in enumerate(ranked, start=1) if grades.get(document, 0) > 0), 0)
    top = documents[ranked[0]]
    return TopHit(top.title, top.text, first == 1, first)
