"""The firewall: train shares nothing with dev and test, or the data set is refused.

Looked for are documents by id, groups by name, exact texts (case and white space aside), and near duplicates and
copies of questions, passages and scored pairs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from semtune.dataset import Dataset
from semtune.errors import GateError
from semtune.prepare.split.split_texts import HELD_OUT, TRAIN, SplitTexts, both_sides, relevant_ids
from semtune.text import key

EXAMPLES = 3
SHOWN = 160  # characters of an example
OF_DOCUMENTS = frozenset({"document", "group", "text", "near-duplicate passage"})


@dataclass(slots=True)
class LeakReport:
    """What train shares with dev or test.

    Attributes:
        found: sort ("document", "group", "text", "near-duplicate question" ...) → how many held-out things leak.
        examples: sort → the first few, the training side beside the held-out one where they differ.
        held_out: questions, passages and pairs that were looked at.
    """

    found: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)
    held_out: int = 0

    @property
    def total(self) -> int:
        """All leaks found."""
        return sum(self.found.values())

    @property
    def share(self) -> float:
        """Leaks as a share of what is held out."""
        return self.total / self.held_out if self.held_out else 0.0

    def as_dict(self) -> dict[str, Any]:
        """The JSON form, for the report."""
        return {
            "found": self.total,
            "held_out": self.held_out,
            "share": round(self.share, 6),
            "by_sort": dict(self.found),
            "examples": dict(self.examples),
        }


def find_leaks(dataset: Dataset) -> LeakReport:
    """Look for everything that train shares with dev or test."""
    result = LeakReport()
    _compare(result, "document", relevant_ids(dataset, TRAIN), relevant_ids(dataset, HELD_OUT))
    group = {d.id: str(d.metadata["group"]) for d in dataset.corpus if "group" in d.metadata}
    train, held = (
        {group[id_] for id_ in relevant_ids(dataset, splits) if id_ in group} for splits in (TRAIN, HELD_OUT)
    )
    _compare(result, "group", train, held)
    sides = both_sides(dataset)
    result.held_out = sum(len(texts.held) for texts in sides)
    texts = [
        [key(t) for texts in sides if texts.sort != "scored pair" for t in side(texts)] for side in (_train, _held)
    ]
    _compare(result, "text", set(texts[0]), set(texts[1]))
    for each in sides:
        if each.sort == "scored pair":
            _compare(result, "scored pair", set(map(key, each.train)), set(map(key, each.held)))
        _near(result, each)
    return result


def check_leaks(
    dataset: Dataset, shared_documents: Literal["drop", "keep"] = "drop", max_share: float = 0.0
) -> LeakReport:
    """Refuse a data set whose train split gives dev or test away.

    Args:
        dataset: with all its splits.
        shared_documents: "keep" allows common documents; common questions and scored pairs never.
        max_share: leaks allowed, as a share of what is held out.

    Raises:
        GateError: it leaks more.
    """
    result = find_leaks(dataset)
    allowed = OF_DOCUMENTS if shared_documents == "keep" else frozenset()
    refused = {sort: count for sort, count in result.found.items() if count and sort not in allowed}
    if sum(refused.values()) > max_share * result.held_out:
        sort = next(iter(refused))
        shared = ", ".join(f"{count:,} {name}(s)" for name, count in refused.items())
        raise GateError(
            f"The data set leaks: train shares {shared} with dev or test, e.g. {result.examples[sort][0]!r}. Its "
            "scores would be too good to be true. Prepare it from its source with `semtune prepare`, which separates "
            "them, or take the shared rows out of the training file."
        )
    return result


def _train(texts: SplitTexts) -> list[str]:
    return texts.train


def _held(texts: SplitTexts) -> list[str]:
    return texts.held


def _compare(result: LeakReport, sort: str, train: set[str], held_out: set[str]) -> None:
    common = sorted(train & held_out)
    result.found[sort] = len(common)
    if common:
        result.examples[sort] = [text[:SHOWN] for text in common[:EXAMPLES]]


def _near(result: LeakReport, texts: SplitTexts) -> None:
    sort = f"near-duplicate {texts.sort}"
    found = texts.nearly()
    result.found[sort] = len({held for held, _, _ in found})
    if found:
        shown = [(held[: SHOWN // 2], train[: SHOWN // 2]) for held, train, _ in found[:EXAMPLES]]
        result.examples[sort] = [f"{held} ≈ {train}" for held, train in shown]


leaks = find_leaks  # old name, see semtune.inputs
