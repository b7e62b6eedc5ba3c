"""The rows of `log.jsonl`, and where a training stands in words."""

from __future__ import annotations

import time
from typing import Any

from semtune.train.monitor.dev_metric import HEALTH_VALUES

COLUMNS = {
    "loss": "loss", "learning_rate": "learning_rate", "grad_norm": "grad_norm", "eval_loss": "dev_loss",
    **{f"eval_{name}": f"dev_{name}" for name in HEALTH_VALUES},
}  # fmt: skip
"""The Trainer's names → ours."""


def log_rows(history: list[dict[str, Any]], metric: str) -> list[dict[str, Any]]:
    """The Trainer's log history as rows of step, epoch, loss, learning_rate, dev_loss and the dev metric."""
    rows = []
    for entry in history:
        row = {new: entry[old] for old, new in COLUMNS.items() if old in entry}
        if f"eval_{metric}" in entry:
            row[f"dev_{metric}"] = entry[f"eval_{metric}"]
        if row:
            rows.append({"step": entry["step"], "epoch": round(entry.get("epoch", 0.0), 4), **row})
    return rows


def progress_line(rows: list[dict[str, Any]], metric: str) -> str:
    """The newest training loss, and the newest dev metric with its gain over the base, in words."""
    losses = [row["loss"] for row in rows if "loss" in row]
    values = [row[f"dev_{metric}"] for row in rows if f"dev_{metric}" in row]
    parts = [f"loss {losses[-1]:.4f}"] if losses else []
    if values:
        parts.append(
            f"dev {metric} {values[-1]:.4f}" + (f" ({values[-1] - values[0]:+.4f})" if len(values) > 1 else "")
        )
    return ", ".join(parts)


class RemainingTime:
    """Estimates how long the remaining steps will take, from the steps since it was started."""

    def __init__(self, step: int = 0) -> None:
        self._step, self._started = step, time.monotonic()

    def left(self, step: int, steps: int) -> str:
        """In words, after a comma; empty where there is no estimate."""
        done = step - self._step
        if done <= 0 or step >= steps:
            return ""
        seconds = (time.monotonic() - self._started) / done * (steps - step)
        return f", {seconds / 60:.0f} min left" if seconds >= 90 else f", {seconds:.0f} s left"
