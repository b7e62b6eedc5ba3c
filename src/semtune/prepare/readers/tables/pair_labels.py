"""Labelled pairs (inference, duplicates) to triplets: what follows is a positive, what contradicts is a negative."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.tables.pair_words import plain_word
from semtune.prepare.records import PairRow
from semtune.text import key
from semtune.types import Document

Relation = Literal["yes", "neutral", "no"]
INFERENCE: dict[str, Relation] = {"entailment": "yes", "neutral": "neutral", "contradiction": "no"}
NUMBERED: tuple[Relation, ...] = ("yes", "neutral", "no")  # SNLI, MultiNLI and XNLI number them 0, 1, 2
LABELS: dict[str, dict[Relation, str]] = {
    "inference": {relation: word for word, relation in INFERENCE.items()},
    "duplicates": {"yes": "1", "no": "0"},
}
"""Kind of table and relation to the label of a pair that is kept as it is."""
UNDECIDED = frozenset({"-", "-1", ""})  # SNLI: the annotators did not agree
DUPLICATE: dict[str, Relation] = {"1": "yes", "0": "no"}


@dataclass(slots=True)
class _Texts:
    number: int
    positives: dict[str, None] = field(default_factory=dict)
    negatives: dict[str, None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RelatedPair:
    """One row: how `text` relates to `anchor`."""

    number: int
    anchor: str
    text: str
    relation: Relation


def inference_relation(value: str, names: Sequence[str]) -> Relation | Literal["undecided"] | None:
    """The relation that a label of an inference set means; None if unknown. Class names in the file come first."""
    word = value.strip().lower()
    if word in UNDECIDED:
        return "undecided"
    if word.removesuffix(".0").isdigit():
        number = int(word.removesuffix(".0"))
        if names:
            return INFERENCE.get(names[number].lower()) if number < len(names) else None
        return NUMBERED[number] if number < len(NUMBERED) else None
    return INFERENCE.get(word)


def duplicate_relation(value: str, words: Mapping[str, float]) -> Relation | None:
    """The relation that a label of a set of duplicates means; None if unknown. `words`: 1 for those of a match."""
    if (word := plain_word(value)) in words:
        return "yes" if words[word] else "no"
    return DUPLICATE.get(value.strip().removesuffix(".0"))


def pairs_from_relations(rows: Sequence[RelatedPair], tally: Tally) -> list[PairRow]:
    """One row per anchor with a positive; what contradicts it becomes its negatives. The rest is counted."""
    found: dict[str, _Texts] = {}
    for row in rows:
        judged = found.setdefault(row.anchor, _Texts(row.number))
        if key(row.anchor) == key(row.text):
            tally.drop("pair of two equal texts", f"{row.anchor} | {row.text}")
        elif row.relation == "neutral":
            tally.drop("neutral pair, not used", f"{row.anchor} | {row.text}")
        else:
            (judged.positives if row.relation == "yes" else judged.negatives)[row.text] = None
    pairs: list[PairRow] = []
    for anchor, judged in found.items():
        if judged.positives:
            negatives = tuple(text for text in judged.negatives if text not in judged.positives)
            positives = tuple(Document("", text) for text in judged.positives)
            pairs.append(PairRow(judged.number, anchor, positives, negatives))
        elif judged.negatives:
            shown = f"{anchor} | {next(iter(judged.negatives))}"
            tally.drop("negative pair whose first text has no positive", shown, len(judged.negatives))
    return pairs
