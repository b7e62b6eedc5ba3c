"""The log of what was left out, why, and with an example: nothing is dropped silently."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from semtune.errors import InputError

EXAMPLE_LENGTH = 160
PAIR_EXAMPLES = 20


@dataclass(slots=True)
class Tally:
    """Counts what readers and builders leave out, and collects warnings for the user."""

    dropped: dict[str, dict[str, Any]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    alike: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    grave: int = 0  # how many of the warnings are grave; they come first

    def drop(self, reason: str, example: object, count: int = 1) -> None:
        """Count something left out for `reason`; the first example is stored."""
        entry = self.dropped.setdefault(reason, {"count": 0, "example": _short(str(example))})
        entry["count"] += count

    def count(self, name: str, amount: int = 1) -> None:
        """Add to a count; an amount of 0 makes no entry."""
        if amount:
            self.counts[name] = self.counts.get(name, 0) + amount

    def pair(self, name: str, one: str, two: str, similarity: float) -> None:
        """Count two texts that are alike; the first few are stored as examples."""
        self.count(name)
        examples = self.alike.setdefault(name, [])
        if len(examples) < PAIR_EXAMPLES:
            examples.append({"one": _short(one), "two": _short(two), "similarity": round(similarity, 3)})

    def warn(self, message: str, *, grave: bool = False) -> None:
        """Add a warning, unless it was added before; a grave one comes before all others."""
        if message not in self.warnings:
            self.warnings.insert(self.grave if grave else len(self.warnings), message)
            self.grave += grave

    def merge(self, later: Tally) -> None:
        """Append what another tally has counted."""
        for reason, entry in later.dropped.items():
            self.drop(reason, entry["example"], entry["count"])
        for name, amount in later.counts.items():
            self.count(name, amount)
        for name, examples in later.alike.items():
            known = self.alike.setdefault(name, [])
            known.extend(examples[: PAIR_EXAMPLES - len(known)])
        for number, message in enumerate(later.warnings):
            self.warn(message, grave=number < later.grave)


def by_reason(dropped: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Reason → how many things were left out for it, without the examples; of a tally or of `prepare.json`."""
    return {reason: entry["count"] for reason, entry in dropped.items()}


def _short(text: str) -> str:
    return text if len(text) <= EXAMPLE_LENGTH else text[: EXAMPLE_LENGTH - 1] + "…"


@dataclass(slots=True)
class BadRows:
    """Counts the unusable rows of one file and refuses it if there are too many."""

    where: object
    tally: Tally
    seen: int = 0
    bad: int = 0
    first: str = ""

    def row(self) -> None:
        """Count a row, usable or not."""
        self.seen += 1

    def refuse(self, number: int, reason: str, shown: object = "", detail: str = "") -> None:
        """Count a row that cannot be used; `detail` says what is wrong with the first one, beyond its reason."""
        self.bad += 1
        example = f"{self.where}:{number}: {shown}" if shown != "" else f"{self.where}:{number}"
        self.first = self.first or f"line {number}: {reason}{f' ({detail})' if detail else ''}"
        self.tally.drop(f"bad row: {reason}", example)

    def check(self, max_share: float) -> None:
        """Refuse the file if more than `max_share` of its rows are bad.

        Raises:
            InputError: there are too many.
        """
        if self.bad > max_share * self.seen:
            raise InputError(
                f"{self.where}: {self.bad:,} of {self.seen:,} rows cannot be used (first: {self.first}). "
                f"At most {max_share:.0%} may be bad. Fix the file, or raise max_bad_share to accept this."
            )
