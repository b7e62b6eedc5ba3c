"""Whether the documents answer a question at all: the best hit against a calibrated score, the floor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from semtune.contract import Contract
from semtune.search.mode import Mode
from semtune.types import Hit

FLOORS = ("answerable", "best-f1")
"""Calibrated thresholds that say whether a question is answered, in order of preference.

"answerable" is measured on questions with and without their documents; models that were calibrated before have only
"best-f1", which is measured on single answers.
"""


@dataclass(frozen=True, slots=True)
class Floor:
    """The score that a passage must reach to count as an answer.

    Attributes:
        name: of the calibrated threshold.
        score: its value.
        probability: that an answer with just this score is relevant; None if only thresholds were measured.
    """

    name: str
    score: float
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether hits answer a question.

    Attributes:
        answered: None if it cannot be said.
        sentence: the reason, for people and for language models.
    """

    answered: bool | None
    sentence: str


def floor_of(contract: Contract) -> Floor | None:
    """The floor of a model; None if it is not calibrated."""
    name = next((each for each in FLOORS if each in contract.thresholds), None)
    if name is None:
        return None
    score, curve = contract.thresholds[name], contract.calibration
    return Floor(name, score, curve.probability(score) if curve else None)


def judge(hits: Sequence[Hit], mode: Mode, contract: Contract) -> Judgement:
    """Whether the hits of a search reach the floor.

    Args:
        hits: of a search without `min_score`.
        mode: of the search; scores of mode keyword are not similarities, and have no floor.
        contract: of the model that searched.
    """
    if not hits:
        return Judgement(False, "Not in these documents: nothing was found.")
    if mode == "keyword":
        return Judgement(
            None, "Found by words alone, for which no floor is known. Read the passages before you rely on them."
        )
    floor = floor_of(contract)
    if floor is None:
        return Judgement(
            None,
            f"No floor is known: the model {contract.name!r} is not calibrated, so the scores do not say whether the "
            "documents answer this at all. Read the passages before you rely on them.",
        )
    best = max(hit.score for hit in hits)
    if best < floor.score:
        return Judgement(
            False,
            f"Not in these documents: the best passage scores {best:.3f}, and passages that answer score "
            f"{floor.score:.3f} or more ({floor.name}).",
        )
    return Judgement(True, f"The best passage scores {best:.3f}, and the floor is {floor.score:.3f} ({floor.name}).")
