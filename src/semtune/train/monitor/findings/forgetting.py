"""The model forgets what the base could do."""

from __future__ import annotations

from semtune.train.monitor.finding import Finding
from semtune.train.monitor.history import TrainingHistory


def below_floor(history: TrainingHistory) -> Finding | None:
    """The metric on the floor set drops by more than is allowed."""
    first, last = history.dev[0].get("dev_floor"), history.last.get("dev_floor")
    if history.max_drop is None or first is None or last is None or last >= first - history.max_drop:
        return None
    return Finding(
        "forgetting",
        "warning",
        f"on the floor set the metric went from {first:.4f} to {last:.4f}; a drop of up to {history.max_drop:g} is "
        "allowed.",
        "After training, mixes with the base are tried; a lower train.learning_rate forgets less.",
        history.newest_step,
    )
