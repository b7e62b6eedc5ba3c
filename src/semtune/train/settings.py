"""What can be set about training; names are those of Hugging Face's `TrainingArguments` where it has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from semtune.errors import ConfigError


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How a backbone is tuned.

    Attributes:
        num_train_epochs: passes over the training rows; 1 to 4 is the usual range.
        max_steps: stop after so many optimiser steps; -1 for no such limit.
        per_device_train_batch_size: rows a batch; with pairs, each row has batch - 1 in-batch negatives.
        learning_rate: peak rate of AdamW.
        warmup_steps: share of all steps (below 1), or their number, over which the rate rises linearly.
        weight_decay: of AdamW.
        eval_per_epoch: how often an epoch the dev metric is measured and a checkpoint kept.
        precision: "auto" takes bf16 where the processor multiplies it in hardware, else fp32.
        max_dev_passages: passages the dev queries are searched among; the test uses the whole corpus.
    """

    num_train_epochs: float = 3.0
    max_steps: int = -1
    per_device_train_batch_size: int = 32
    learning_rate: float = 2e-5
    warmup_steps: float = 0.1
    weight_decay: float = 0.0
    eval_per_epoch: int = 2
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    max_dev_passages: int = 500

    def check(self) -> None:
        """Refuse values that cannot train.

        Raises:
            ConfigError: with the allowed range.
        """
        wrong = [
            ("num_train_epochs", self.num_train_epochs, 0 < self.num_train_epochs <= 100, "above 0 to 100"),
            (
                "per_device_train_batch_size",
                self.per_device_train_batch_size,
                self.per_device_train_batch_size >= 2,
                "2 or more",
            ),
            ("learning_rate", self.learning_rate, 0 < self.learning_rate < 1, "above 0 and below 1; 2e-5 is usual"),
            ("warmup_steps", self.warmup_steps, self.warmup_steps >= 0, "0 or more; below 1 it is a share"),
            ("eval_per_epoch", self.eval_per_epoch, self.eval_per_epoch >= 1, "1 or more"),
            ("max_steps", self.max_steps, self.max_steps == -1 or self.max_steps > 0, "-1 (no limit) or above 0"),
        ]
        for name, value, fine, allowed in wrong:
            if not fine:
                raise ConfigError(f"train.{name} is {value}; allowed is {allowed}.")
