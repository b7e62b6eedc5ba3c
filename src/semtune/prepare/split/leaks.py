"""Leaks: what train shares with dev and test, and the one rule that says how much of it is too much.

Compared are documents by id, groups by name, exact texts (ignoring case and white space), and near duplicates and
copies of questions, passages, scored pairs and texts with classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from semtune.dataset import Dataset
from semtune.errors import GateError
from semtune.prepare.split.split_texts import HELD_OUT, TRAIN, SplitTexts, both_sides, relevant_ids
from semtune.text import key

SharedDocuments: TypeAlias = Literal["drop", "keep"]

EXAMPLES = 3
SHOWN = 160  # characters of an example
OF_DOCUMENTS = frozenset({"document", "group", "text", "near-duplicate passage"})
WHOLE_ROWS = frozenset({"scored pair", "labelled text"})  # compared with their own sort only, and never exempt
EXEMPT = {"drop": frozenset[str](), "keep": OF_DOCUMENTS}
"""`shared_documents` → sorts of leaks that do not count; shared questions, scored pairs and texts with classes
always do."""


@dataclass(slots=True)
class LeakReport:
    """What train shares with dev or test.

    Attributes:
        found: sort ("document", "group", "text", "near-duplicate question" ...) → how many held-out things leak.
        examples: sort → the first few, the training side beside the held-out one where they differ.
        held_out: questions, passages and pairs that were compared.
        exempt: sorts that the settings allow (`shared_documents: keep`); they are reported and do not count.
    """

    found: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)
    held_out: int = 0
    exempt: frozenset[str] = frozenset()

    @property
    def total(self) -> int:
        """All leaks found, exempt or not."""
        return sum(self.found.values())

    @property
    def share(self) -> float:
        """All leaks as a share of what is held out."""
        return self.total / self.held_out if self.held_out else 0.0

    @property
    def counted(self) -> dict[str, int]:
        """Sort → leaks that count against the limit."""
        return {sort: count for sort, count in self.found.items() if count and sort not in self.exempt}

    def passes(self, limit: float) -> bool:
        """Whether the data set is good enough: the one rule of `semtune prepare` and of `semtune prepare --audit`.

        Args:
            limit: `max_leak_share`: leaks that count, as a share of what is held out, may not exceed it.
        """
        return sum(self.counted.values()) <= limit * self.held_out

    def as_dict(self) -> dict[str, Any]:
        """The JSON form, for the report."""
        return {
            "found": self.total,
            "held_out": self.held_out,
            "share": round(self.share, 6),
            "exempt": self.total - sum(self.counted.values()),
            "by_sort": dict(self.found),
            "examples": dict(self.examples),
        }


def find_leaks(dataset: Dataset, shared_documents: SharedDocuments = "drop") -> LeakReport:
    """Look for everything that train shares with dev or test.

    Args:
        dataset: with all its splits.
        shared_documents: "keep": common documents are allowed; common questions and scored pairs never are.
    """
    result = LeakReport(exempt=EXEMPT[shared_documents])
    _compare(result, "document", relevant_ids(dataset, TRAIN), relevant_ids(dataset, HELD_OUT))
    group = {d.id: str(d.metadata["group"]) for d in dataset.corpus if "group" in d.metadata}
    train, held = (
        {group[id_] for id_ in relevant_ids(dataset, splits) if id_ in group} for splits in (TRAIN, HELD_OUT)
    )
    _compare(result, "group", train, held)
    sides = both_sides(dataset)
    result.held_out = sum(len(texts.held) for texts in sides)
    texts = [
        [key(t) for texts in sides if texts.sort not in WHOLE_ROWS for t in side(texts)] for side in (_train, _held)
    ]
    _compare(result, "text", set(texts[0]), set(texts[1]))
    for each in sides:
        if each.sort in WHOLE_ROWS:
            _compare(result, each.sort, set(map(key, each.train)), set(map(key, each.held)))
        _near(result, each)
    return result


def check_leaks(dataset: Dataset, shared_documents: SharedDocuments = "drop", max_share: float = 0.0) -> LeakReport:
    """Refuse a data set whose train split gives dev or test away; see `LeakReport.passes`.

    Args:
        dataset: with all its splits.
        shared_documents: as in `find_leaks`.
        max_share: maximum share of the held-out texts that may leak.

    Raises:
        GateError: more of them leak.
    """
    result = find_leaks(dataset, shared_documents)
    if not result.passes(max_share):
        refused = result.counted
        shared = ", ".join(f"{count:,} {name}(s)" for name, count in refused.items())
        raise GateError(
            f"The data set leaks: train shares {shared} with dev or test, e.g. "
            f"{result.examples[next(iter(refused))][0]!r}. Scores would be too good to be true. Prepare it from its "
            "source with `semtune prepare`, which separates them, or remove the shared rows from the training file."
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
