"""The result of mining: counts, scores, examples, and the suspects to review."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from semtune.types import Suspect

PER_QUESTION = 5  # maximum number of suspects of one question to review
REVIEWED = 1_000  # maximum number of suspects to review
FLOOR = 0.1  # smallest positive score to divide by: below it every candidate would look equally suspicious


@dataclass(slots=True)
class MiningResult:
    """What was mined, refused and suspected.

    Attributes:
        per_pair: number of negatives that each pair has now.
        pairs: pairs that have them.
        mined: negatives found among the ranks asked for.
        filled: negatives drawn at random because the ranks held too few.
        repeated: negatives that a pair has more than once because the corpus holds too few.
        given, given_left_out: negatives of the source, used and not used (labelled relevant, or too many).
        given_each: the different numbers of given negatives that pairs have.
        left_out: questions of pairs that left the train split because no passage may be their negative.
        refused: guard → candidates refused.
        judged: question-passage pairs that the reranker scored.
        suspected: question-passage pairs that the margins or the reranker refused.
        review: the most suspicious of them, most suspicious first.
        truncated: passages that were cut at the encoder's limit.
        encoder: name, fingerprint and runtime of the model that searched.
        examples: a few pairs with scores.
        warning: for the user; empty if there is none.
    """

    per_pair: int
    encoder: dict[str, str]
    pairs: int = 0
    mined: int = 0
    filled: int = 0
    repeated: int = 0
    given: int = 0
    given_left_out: int = 0
    truncated: int = 0
    judged: int = 0
    suspected: int = 0
    warning: str = ""
    given_each: set[int] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    review: list[Suspect] = field(default_factory=list)
    examples: list[dict[str, Any]] = field(default_factory=list)
    positive_scores: array[float] = field(default_factory=lambda: array("f"))
    negative_scores: array[float] = field(default_factory=lambda: array("f"))

    def suspect(self, found: Sequence[Suspect]) -> None:
        """Add the suspects of one question; a passage suspected twice keeps the more suspicious entry."""
        worst: dict[str, Suspect] = {}
        for suspect in found:
            if suspect.id not in worst or suspicion(suspect) > suspicion(worst[suspect.id]):
                worst[suspect.id] = suspect
        self.suspected += len(worst)
        self.review.extend(_ordered(worst.values())[:PER_QUESTION])
        if len(self.review) > 2 * REVIEWED:
            self.sort()

    def sort(self) -> None:
        """Put the most suspicious first and drop what exceeds the limit."""
        self.review = _ordered(self.review)[:REVIEWED]

    def as_dict(self) -> dict[str, Any]:
        """The JSON form, for the report."""
        return {
            "encoder": self.encoder,
            "per_pair": self.per_pair,
            "pairs": self.pairs,
            "mined": self.mined,
            "filled": self.filled,
            "repeated": self.repeated,
            "given": self.given,
            "given_left_out": self.given_left_out,
            "given_each": {"least": min(self.given_each, default=0), "most": max(self.given_each, default=0)},
            "pairs_left_out": len(self.left_out),
            "refused": dict(self.refused),
            "judged": self.judged,
            "suspected": self.suspected,
            "to_review": len(self.review),
            "truncated": self.truncated,
            "scores": {"positive": _spread(self.positive_scores), "negative": _spread(self.negative_scores)},
            "examples": self.examples,
        }


def suspicion(suspect: Suspect) -> float:
    """Score divided by that of the labelled answer: about the margin or more, above 1 where it scores higher."""
    return suspect.score / max(suspect.positive_score, FLOOR)


def _ordered(suspects: Any) -> list[Suspect]:
    return sorted(suspects, key=lambda suspect: (-suspicion(suspect), suspect.id))


def _spread(values: Sequence[float]) -> dict[str, float]:
    order = sorted(values)
    if not order:
        return {}
    places = {"least": 0.0, "p5": 0.05, "median": 0.5, "p95": 0.95, "most": 1.0}
    return {name: round(order[round(share * (len(order) - 1))], 4) for name, share in places.items()}
