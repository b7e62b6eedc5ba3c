"""What a classifier says of a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

UNSURE, UNLIKE = "unsure", "unlike the examples"


@dataclass(frozen=True, slots=True)
class Near:
    """An example like the text: why it was put into its class."""

    text: str
    labels: tuple[str, ...]
    score: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """The classes of a text.

    Attributes:
        labels: its class; several or none where a text may have several; empty where it was rejected.
        best: the most likely class, also of a rejected text.
        score: similarity to the best class's words, or its probability.
        probability: calibrated probability of the best class; None where nothing was calibrated.
        rejected: why it has no class: "unsure" which one, or "unlike the examples"; empty if it has one.
        nearest: the most similar examples.
    """

    labels: tuple[str, ...]
    best: str
    score: float
    probability: float | None
    rejected: str
    nearest: tuple[Near, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As JSON values; `label` is the class of a text that has one, else null."""
        row: dict[str, Any] = {
            "label": self.labels[0] if len(self.labels) == 1 else None,
            "labels": list(self.labels),
            "best": self.best,
            "score": self.score,
            "probability": self.probability,
            "rejected": self.rejected or None,
        }
        if self.nearest:
            row["nearest"] = [{"text": n.text, "labels": list(n.labels), "score": n.score} for n in self.nearest]
        return row
