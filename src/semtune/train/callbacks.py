"""What happens beside the optimiser: progress, the log, and marking checkpoints whole."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from semtune.errors import SemtuneError
from semtune.io import write_json, write_jsonl

WHOLE = "whole.json"  # written into a checkpoint after everything else: its existence means the rest is there
KEPT = {"loss": "loss", "learning_rate": "learning_rate", "eval_loss": "dev_loss", "grad_norm": "grad_norm"}


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
    """Shows progress, writes `log.jsonl`, marks checkpoints, and stops when the loss is no number."""

    def __init__(self, folder: Path, metric: str, advance: Callable[[int], None]) -> None:
        self._folder, self._metric, self._advance = folder, metric, advance
        self._shown = 0

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Move the bar; after a resume, by all the steps done before."""
        self._advance(state.global_step - self._shown)
        self._shown = state.global_step

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **_: Any
    ) -> None:
        """Write the log anew from the state, which a resume restores: no row is lost or doubled."""
        write_jsonl(self._folder / "log.jsonl", log_rows(state.log_history, self._metric))
        loss = (logs or {}).get("loss", 0.0)
        if not math.isfinite(loss):
            raise TrainingError(
                f"The training loss became {loss} at step {state.global_step}. Lower train.learning_rate (2e-5 is usual), "
                "set train.precision to fp32, and look for empty or damaged rows in the training data."
            )

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Mark the checkpoint just written as whole."""
        write_json(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}" / WHOLE, {"step": state.global_step})


def newest_whole(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end; a killed run may leave half a one behind."""
    whole = [path.parent for path in folder.glob(f"checkpoint-*/{WHOLE}")]
    return max(whole, key=lambda path: int(path.name.rsplit("-", 1)[1]), default=None)
