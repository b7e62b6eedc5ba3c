"""The pool of a question: what any system ranks high, in an order that tells nothing; and what to judge first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from semtune.label.questions import Question
from semtune.label.settings import Order
from semtune.text import key, stable_hash

Rankings = Mapping[str, Sequence[str]]  # system → document ids, best first


@dataclass(frozen=True, slots=True)
class Pooled:
    """A question with the answers of every system.

    Attributes:
        question: the question.
        rankings: of each system, at least as deep as the metric looks.
        documents: the answers to judge: the first `depth` of every system, each once.
    """

    question: Question
    rankings: Rankings
    documents: tuple[str, ...]


def pool(question: Question, rankings: Rankings, depth: int) -> Pooled:
    """Pool the first `depth` answers of every system."""
    documents = dict.fromkeys(document for ranked in rankings.values() for document in ranked[:depth])
    return Pooled(question, rankings, tuple(documents))


def shuffled(pooled: Pooled, judge: str, seed: int) -> list[str]:
    """The answers in an order that depends on question, judge and seed alone, not on what the systems said."""
    asked = f"{pooled.question.key}\n{key(judge)}\n"
    return sorted(pooled.documents, key=lambda document: (stable_hash(asked + document, seed), document))


def disagreement(rankings: Rankings, depth: int) -> float:
    """How much the systems' first `depth` answers differ: 0 if all give the same ones in the same order, 1 if none.

    An answer at rank r weighs 1 / log2(r + 1), as in nDCG. The difference of two systems is the sum over all answers
    of the difference of their weights, divided by its largest possible value; of several systems it is the mean over
    every two. So it bounds how far two systems' nDCG can be apart, whatever the grades will be.
    """
    weights = [{document: 1 / math.log2(rank + 1) for rank, document in enumerate(ranked[:depth], start=1)}
               for ranked in rankings.values()]  # fmt: skip
    pairs = list(combinations(weights, 2))
    return sum(_apart(one, other) for one, other in pairs) / len(pairs) if pairs else 0.0


def _apart(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    most = math.fsum([*one.values(), *other.values()])
    moved = math.fsum(abs(one.get(each, 0.0) - other.get(each, 0.0)) for each in {*one, *other})
    return moved / most if most else 0.0


def in_order(pooled: Sequence[Pooled], order: Order, depth: int, seed: int) -> list[Pooled]:
    """The questions in the order in which they are judged; `pooled` is in the order of the files.

    "informative": first those with the most answers that users disliked, then those on which the systems disagree
    most, then those asked most often.
    """
    if order == "file":
        return list(pooled)
    if order == "random":
        return sorted(pooled, key=lambda one: stable_hash(one.question.key, seed))
    return sorted(
        pooled,
        key=lambda one: (
            -one.question.disliked, -round(disagreement(one.rankings, depth), 6), -one.question.asked
        ),
    )  # fmt: skip
