"""What several people's grades come to: one grade for an answer, and how far the people agree."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from semtune.label.grades import Judgement
from semtune.label.words import HIGHEST
from semtune.metrics.agreement import weighted_kappa
from semtune.text import key

Answer = tuple[str, str]  # key of a question, id of a document


def merged_grades(judgements: Iterable[Judgement]) -> dict[Answer, int]:
    """One grade for each answer: the median of the people's, rounded down."""
    given: dict[Answer, list[int]] = {}
    for one in judgements:
        given.setdefault((key(one.question), one.document), []).append(one.grade)
    return {answer: math.floor(statistics.median(grades)) for answer, grades in given.items()}


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """How far two people agree on the answers that both graded.

    Attributes:
        judges: their names.
        answers: number of answers that both graded.
        equal: share with the same grade.
        within_one: share whose grades differ by at most one.
        kappa: Cohen's kappa with quadratic weights; NaN where it is not defined.
    """

    judges: tuple[str, str]
    answers: int
    equal: float
    within_one: float
    kappa: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement between all people.

    Attributes:
        answers: number of answers that at least two people graded.
        pairs: every two people who graded the same answers, those with the most first.
    """

    answers: int
    pairs: Sequence[PairAgreement] = ()

    def as_dict(self) -> dict[str, Any]:
        """The JSON form; over several pairs of people the means are weighted by their answers."""
        return {
            "answers": self.answers,
            "equal": self._mean([(pair.equal, pair.answers) for pair in self.pairs]),
            "within_one": self._mean([(pair.within_one, pair.answers) for pair in self.pairs]),
            "kappa": self._mean([(pair.kappa, pair.answers) for pair in self.pairs]),
            "weights": "quadratic",
            "pairs": [
                {
                    "judges": list(pair.judges), "answers": pair.answers, "equal": pair.equal,
                    "within_one": pair.within_one, "kappa": pair.kappa,
                }
                for pair in self.pairs
            ],
        }  # fmt: skip

    @staticmethod
    def _mean(values: Sequence[tuple[float, int]]) -> float | None:
        known = [(value, weight) for value, weight in values if math.isfinite(value)]
        total = sum(weight for _, weight in known)
        return sum(value * weight for value, weight in known) / total if total else None


def agreement(judgements: Iterable[Judgement]) -> Agreement:
    """Compare every two people on the answers that both graded."""
    grades: dict[str, dict[Answer, int]] = {}
    names: dict[str, str] = {}
    for one in judgements:
        names.setdefault(key(one.judge), one.judge)
        grades.setdefault(key(one.judge), {})[key(one.question), one.document] = one.grade
    pairs, twice = [], set()
    for one, other in combinations(grades, 2):
        both = [answer for answer in grades[one] if answer in grades[other]]
        twice.update(both)
        if both:
            a, b = [grades[one][answer] for answer in both], [grades[other][answer] for answer in both]
            pairs.append(_compare((names[one], names[other]), a, b))
    return Agreement(len(twice), sorted(pairs, key=lambda pair: -pair.answers))


def _compare(judges: tuple[str, str], a: Sequence[int], b: Sequence[int]) -> PairAgreement:
    apart = [abs(one - other) for one, other in zip(a, b, strict=True)]
    equal, near = (sum(each <= limit for each in apart) / len(apart) for limit in (0, 1))
    return PairAgreement(judges, len(apart), equal, near, weighted_kappa(a, b, HIGHEST + 1))
