"""Pairs with a verdict (inference, duplicates) to triplets: what fits is a positive, what contradicts a negative."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from semtune.prepare.drop_log import Tally
from semtune.prepare.records import PairRow
from semtune.types import Document

Verdict = Literal["yes", "neutral", "no"]
INFERENCE: dict[str, Verdict] = {"entailment": "yes", "neutral": "neutral", "contradiction": "no"}
NUMBERED: tuple[Verdict, ...] = ("yes", "neutral", "no")  # SNLI, MultiNLI and XNLI number them 0, 1, 2
LABELS: dict[str, dict[Verdict, str]] = {
    "inference": {verdict: word for word, verdict in INFERENCE.items()},
    "duplicates": {"yes": "1", "no": "0"},
}
"""Kind of table and verdict to the label of a pair that stays as it is."""
UNDECIDED = frozenset({"-", "-1", ""})  # SNLI: the annotators did not agree
DUPLICATE: dict[str, Verdict] = {
    "1": "yes", "0": "no", "true": "yes", "false": "no", "duplicate": "yes", "not_duplicate": "no",
}  # fmt: skip


@dataclass(slots=True)
class _Judged:
    number: int
    positives: dict[str, None] = field(default_factory=dict)
    negatives: dict[str, None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judgement:
    """One row: whether `text` fits `anchor`."""

    number: int
    anchor: str
    text: str
    verdict: Verdict


def inference(value: str, names: Sequence[str]) -> Verdict | Literal["undecided"] | None:
    """What a label of an inference set says; None if it is none. Class names of the file win over the usual order."""
    word = value.strip().lower()
    if word in UNDECIDED:
        return "undecided"
    if word.removesuffix(".0").isdigit():
        number = int(word.removesuffix(".0"))
        if names:
            return INFERENCE.get(names[number].lower()) if number < len(names) else None
        return NUMBERED[number] if number < len(NUMBERED) else None
    return INFERENCE.get(word)


def duplicate(value: str) -> Verdict | None:
    """What a label of a set of duplicates says; None if it is none."""
    return DUPLICATE.get(value.strip().lower().removesuffix(".0"))


def join(rows: Sequence[Judgement], tally: Tally) -> list[PairRow]:
    """One row for each anchor that something fits, with all that contradicts it as negatives; the rest is counted."""
    found: dict[str, _Judged] = {}
    for row in rows:
        judged = found.setdefault(row.anchor, _Judged(row.number))
        if row.verdict == "neutral":
            tally.drop("neutral pair, not used", f"{row.anchor} | {row.text}")
        else:
            (judged.positives if row.verdict == "yes" else judged.negatives)[row.text] = None
    pairs: list[PairRow] = []
    for anchor, judged in found.items():
        if judged.positives:
            negatives = tuple(text for text in judged.negatives if text not in judged.positives)
            positives = tuple(Document("", text) for text in judged.positives)
            pairs.append(PairRow(judged.number, anchor, positives, negatives))
        elif judged.negatives:
            shown = f"{anchor} | {next(iter(judged.negatives))}"
            tally.drop("pair that does not fit, and nothing fits its first text", shown, len(judged.negatives))
    return pairs
