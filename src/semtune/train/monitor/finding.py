"""Something that the training doctor saw, in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["warning", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something seen in a training.

    Attributes:
        kind: its name, e.g. "over-fitting".
        severity: a "warning" asks for something to be done; a "note" is good to know.
        sentence: what was seen, with the numbers.
        advice: what to do.
        step: of the last row it was seen in.
    """

    kind: str
    severity: Severity
    sentence: str
    advice: str
    step: int

    def line(self) -> str:
        """One line for a log or a card."""
        return f"{self.kind}: {self.sentence} {self.advice}"

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)
