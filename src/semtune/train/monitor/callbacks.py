"""What happens beside the optimiser: progress, the log, and marking checkpoints whole."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from semtune.errors import SemtuneError
from semtune.io import write_json, write_jsonl
from semtune.progress import QUIET, Progress
from semtune.train.monitor.dev_metric import PROBES
from semtune.train.monitor.diagnosis import Finding, diagnose, stalled

WHOLE = "whole.json"  # written into a checkpoint after everything else: its existence means the rest is there
KEPT = {
    "loss": "loss", "learning_rate": "learning_rate", "grad_norm": "grad_norm", "eval_loss": "dev_loss",
    **{f"eval_{name}": f"dev_{name}" for name in PROBES},
}  # fmt: skip


class TrainingError(SemtuneError):
    """Training went wrong in a way that more steps cannot mend."""


def log_rows(history: list[dict[str, Any]], metric: str) -> list[dict[str, Any]]:
    """Trainer's log history as rows of step, epoch, loss, learning_rate, dev_loss and the dev metric."""
    rows = []
    for entry in history:
        row = {new: entry[old] for old, new in KEPT.items() if old in entry}
        if f"eval_{metric}" in entry:
            row[f"dev_{metric}"] = entry[f"eval_{metric}"]
        if row:
            rows.append({"step": entry["step"], "epoch": round(entry.get("epoch", 0.0), 4), **row})
    return rows


class Bedside(TrainerCallback):
    """Shows progress, writes `log.jsonl`, tells what the doctor sees, stops early, and marks checkpoints.

    All of it follows from the Trainer's log, which a checkpoint holds: a resumed training does the same.
    """

    def __init__(
        self,
        folder: Path,
        metric: str,
        advance: Callable[[int], None],
        progress: Progress = QUIET,
        patience: int | None = None,
        max_drop: float | None = None,
    ) -> None:
        self._folder, self._metric, self._advance, self._progress = folder, metric, advance, progress
        self._patience, self._max_drop = patience, max_drop
        self._shown = 0
        self._said: set[str] = set()
        self._clock = Clock()

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Start the clock; what was said before a kill is not said again."""
        self._clock = Clock(state.global_step)
        rows = log_rows(state.log_history, self._metric)
        self._said = {finding.kind for finding in self._findings(rows, state)}

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Move the bar; after a resume, by all the steps done before."""
        self._advance(state.global_step - self._shown)
        self._shown = state.global_step

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **_: Any
    ) -> None:
        """Write the log anew from the state, which a resume restores: no row is lost or doubled."""
        rows = log_rows(state.log_history, self._metric)
        if state.is_world_process_zero:
            write_jsonl(self._folder / "log.jsonl", rows)
        self._progress.status(standing(rows, self._metric))
        loss = (logs or {}).get("loss", 0.0)
        if not math.isfinite(loss):
            raise TrainingError(
                f"The training loss became {loss} at step {state.global_step}. Lower train.learning_rate (2e-5 is usual), "
                "set train.precision to fp32, and look for empty or damaged rows in the training data."
            )

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Say where the training stands and what the doctor sees; stop when the metric brings nothing any more."""
        rows = log_rows(state.log_history, self._metric)
        left = self._clock.left(state.global_step, state.max_steps)
        self._progress.say(f"step {state.global_step:,} of {state.max_steps:,}: {standing(rows, self._metric)}{left}")
        for finding in self._findings(rows, state):
            if finding.kind not in self._said:
                self._said.add(finding.kind)
                self._progress.say(f"doctor: {finding.line()}")
        if self._patience is not None and stalled(rows, self._metric, self._patience):
            control.should_training_stop = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Mark the checkpoint just written as whole."""
        if not state.is_world_process_zero:
            return
        write_json(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}" / WHOLE, {"step": state.global_step})

    def _findings(self, rows: list[dict[str, Any]], state: TrainerState) -> list[Finding]:
        return diagnose(rows, self._metric, state.max_steps, self._patience, self._max_drop)


class Clock:
    """The time that the steps still to come will take, judged by those since it was started."""

    def __init__(self, step: int = 0) -> None:
        self._step, self._started = step, time.monotonic()

    def left(self, step: int, steps: int) -> str:
        """In words, after a comma; empty where nothing can be said."""
        done = step - self._step
        if done <= 0 or step >= steps:
            return ""
        seconds = (time.monotonic() - self._started) / done * (steps - step)
        return f", {seconds / 60:.0f} min left" if seconds >= 90 else f", {seconds:.0f} s left"


def standing(rows: list[dict[str, Any]], metric: str) -> str:
    """The newest training loss, and the newest dev metric with its gain over the base, in words."""
    losses = [row["loss"] for row in rows if "loss" in row]
    values = [row[f"dev_{metric}"] for row in rows if f"dev_{metric}" in row]
    said = [f"loss {losses[-1]:.4f}"] if losses else []
    if values:
        said.append(f"dev {metric} {values[-1]:.4f}" + (f" ({values[-1] - values[0]:+.4f})" if len(values) > 1 else ""))
    return ", ".join(said)


def newest_whole(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end; a killed run may leave half a one behind."""
    whole = [path.parent for path in folder.glob(f"checkpoint-*/{WHOLE}")]
    return max(whole, key=lambda path: int(path.name.rsplit("-", 1)[1]), default=None)
