"""What happens beside the optimiser: progress, the log, early stopping, and marking checkpoints as complete."""

# ruff: noqa: ARG002 - the signatures are those of transformers' TrainerCallback

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from semtune.errors import TrainingError
from semtune.io import write_json, write_jsonl
from semtune.progress import QUIET, Progress
from semtune.train.monitor.diagnosis import diagnose, stalled
from semtune.train.monitor.finding import Finding
from semtune.train.monitor.training_log import RemainingTime, log_rows, progress_line
from semtune.train.trainer.checkpoints import COMPLETE


class TrainingMonitor(TrainerCallback):
    """Shows progress, writes `log.jsonl`, reports what the training doctor sees, stops early, and marks checkpoints.

    All of it follows from the Trainer's log, which checkpoints hold: a resumed training does the same.
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
        self._reported: set[str] = set()
        self._remaining = RemainingTime()

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Start the clock; what was reported before a kill is not reported again."""
        self._remaining = RemainingTime(state.global_step)
        rows = log_rows(state.log_history, self._metric)
        self._reported = {finding.kind for finding in self._findings(rows, state)}

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Move the progress bar; after a resume, by all the steps done before."""
        self._advance(state.global_step - self._shown)
        self._shown = state.global_step

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **_: Any
    ) -> None:
        """Rewrite the log from the state, which a resume restores: no row is lost or doubled."""
        rows = log_rows(state.log_history, self._metric)
        if state.is_world_process_zero:
            write_jsonl(self._folder / "log.jsonl", rows)
        self._progress.status(progress_line(rows, self._metric))
        loss = (logs or {}).get("loss", 0.0)
        if not math.isfinite(loss):
            raise TrainingError(
                f"The training loss became {loss} at step {state.global_step}. Lower train.learning_rate (2e-5 is "
                "usual), set train.precision to fp32, and check the training data for empty or damaged rows."
            )

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Report progress and what the training doctor sees; stop when the metric no longer improves."""
        rows = log_rows(state.log_history, self._metric)
        left = self._remaining.left(state.global_step, state.max_steps)
        self._progress.say(
            f"step {state.global_step:,} of {state.max_steps:,}: {progress_line(rows, self._metric)}{left}"
        )
        for finding in self._findings(rows, state):
            if finding.kind not in self._reported:
                self._reported.add(finding.kind)
                self._progress.say(f"doctor: {finding.line()}")
        if self._patience is not None and stalled(rows, self._metric, self._patience):
            control.should_training_stop = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Mark the checkpoint just written as complete."""
        if not state.is_world_process_zero:
            return
        write_json(
            Path(str(args.output_dir)) / f"checkpoint-{state.global_step}" / COMPLETE, {"step": state.global_step}
        )

    def _findings(self, rows: list[dict[str, Any]], state: TrainerState) -> list[Finding]:
        return diagnose(rows, self._metric, state.max_steps, self._patience, self._max_drop)
