"""The floor of a search: below which best score a question is taken to have no answer in the documents.

Measured on labelled questions, each asked twice of the same results: as it is, and with all its relevant documents
taken away, which makes it a question that the documents do not answer although they are about its subject.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semtune.metrics.proportions import proportion_interval
from semtune.types import Qrels, Run

NAME = "answerable"
KEEP = 0.9  # share of the answerable questions that must stay answered
LEAST = 20  # questions


@dataclass(frozen=True, slots=True)
class AnswerableFloor:
    """A floor, and what it does to questions with and without an answer.

    Attributes:
        score: the best document of a question must reach it.
        kept, kept_interval: share of the questions with an answer that stay answered, and its 95 % interval.
        refused, refused_interval: share of the questions without their documents that are refused.
        questions: number of them.
    """

    score: float
    kept: float
    kept_interval: tuple[float, float]
    refused: float
    refused_interval: tuple[float, float]
    questions: int


@dataclass(frozen=True, slots=True)
class BestScores:
    """(n,) best scores of n questions: with their relevant documents, and without them."""

    answerable: NDArray[np.float64]
    unanswerable: NDArray[np.float64]


def best_scores(run: Run, qrels: Qrels, queries: Iterable[str]) -> BestScores:
    """The best score of each question as it is, and without its relevant documents.

    Questions without a relevant document are left out, and so are those all of whose results are relevant.

    Args:
        run: of a search by vectors.
        qrels: relevant documents.
        queries: of the run.
    """
    pairs = [pair for query in queries if (pair := _both(run.get(query, {}), qrels.get(query, {})))]
    values = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return BestScores(values[:, 0], values[:, 1])


def _both(found: Mapping[str, float], grades: Mapping[str, int]) -> tuple[float, float] | None:
    others = [score for document, score in found.items() if grades.get(document, 0) <= 0]
    if not others or not any(grade > 0 for grade in grades.values()):
        return None
    return max(found.values()), max(others)


def answerable_floor(scores: BestScores, keep: float = KEEP) -> AnswerableFloor | None:
    """The highest floor that keeps a share of the answerable questions; None with fewer than 20 of them.

    Only questions with an answer choose the floor, so what it refuses is measured on questions that it was not
    chosen on.
    """
    count = len(scores.answerable)
    if count < LEAST:
        return None
    ordered = np.sort(scores.answerable)
    score = float(ordered[count - math.ceil(keep * count)])
    return judged_floor(scores, score)


def judged_floor(scores: BestScores, score: float) -> AnswerableFloor:
    """What a floor does to questions."""
    count = len(scores.answerable)
    kept = int((scores.answerable >= score).sum())
    refused = int((scores.unanswerable < score).sum())
    return AnswerableFloor(
        score,
        kept / count,
        proportion_interval(kept, count),
        refused / count,
        proportion_interval(refused, count),
        count,
    )
