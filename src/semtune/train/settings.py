"""What can be set about training; names are those of Hugging Face's `TrainingArguments` where it has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from semtune.errors import ConfigError

SCHEDULES = ("linear", "cosine", "constant", "constant_with_warmup")


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """How a backbone is tuned.

    Attributes:
        loss: "auto" or the name of a loss in `semtune.train.losses.LOSSES`.
        loss_options: parameters of the loss, e.g. {"scale": 20}.
        matryoshka_dims: dimensions that vectors can be cut to afterwards, e.g. [256, 128, 64].
        guide: the model of the GIST losses; empty: the backbone itself, untouched.
        teacher: the model, encoder or cross-encoder, of the distillation losses.
        num_train_epochs: passes over the training rows; 1 to 4 is the usual range.
        max_steps: stop after so many optimiser steps; -1 for no such limit.
        per_device_train_batch_size: rows a batch; with pairs, each row has batch - 1 in-batch negatives.
        mini_batch_size: rows computed at a time, without changing the result; None: as many as fit into memory.
        gradient_accumulation_steps: batches a step; adds no in-batch negatives, and is refused with losses that use them.
        max_length: texts are cut at so many tokens in training; None: the model's limit.
        learning_rate: peak rate of AdamW; None: chosen by the plan.
        lr_scheduler_type: how the rate falls after its warm-up.
        warmup_steps: share of all steps (below 1), or their number, over which the rate rises linearly.
        weight_decay: of AdamW.
        eval_per_epoch: how often an epoch the dev metric is measured and a checkpoint kept.
        early_stopping_patience: measurements without a gain in the dev metric after which training stops; None: it does not.
        precision: "auto" takes bf16 where the processor multiplies it in hardware, else fp32.
        lora_rank: of low-rank adapters, trained in place of the weights (Hu et al. 2021); 0: all weights are trained.
        lora_alpha: scale of the adapters; None: twice the rank.
        lora_dropout: within the adapters.
        lora_targets: names of the modules that get one; none named: every linear layer.
        freeze_layers: the embeddings and so many layers above them stay as they are; 0: none.
        layer_lr_decay: each layer's learning rate is so many times that of the layer above it; 1: all alike.
        max_dev_queries: dev queries that are measured at most, drawn by the seed.
        max_dev_passages: passages the dev queries are searched among; the test uses the whole corpus.
        report_to: trackers that transformers knows, e.g. ["tensorboard"]; none by default.
    """

    loss: str = "auto"
    loss_options: Mapping[str, Any] = field(default_factory=dict)
    matryoshka_dims: tuple[int, ...] = ()
    guide: str = ""
    teacher: str = ""
    num_train_epochs: float = 3.0
    max_steps: int = -1
    per_device_train_batch_size: int = 32
    mini_batch_size: int | None = None
    gradient_accumulation_steps: int = 1
    max_length: int | None = None
    learning_rate: float | None = None
    lr_scheduler_type: str = "linear"
    warmup_steps: float = 0.1
    weight_decay: float = 0.0
    eval_per_epoch: int = 2
    early_stopping_patience: int | None = 4
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    lora_rank: int = 0
    lora_alpha: int | None = None
    lora_dropout: float = 0.0
    lora_targets: tuple[str, ...] = ()
    freeze_layers: int = 0
    layer_lr_decay: float = 1.0
    max_dev_queries: int = 500
    max_dev_passages: int = 500
    report_to: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Lists of a config become tuples."""
        object.__setattr__(self, "matryoshka_dims", tuple(self.matryoshka_dims))
        object.__setattr__(self, "report_to", tuple(self.report_to))
        object.__setattr__(self, "lora_targets", tuple(self.lora_targets))
        object.__setattr__(self, "loss_options", dict(self.loss_options))

    def check(self) -> None:
        """Refuse values that cannot train.

        Raises:
            ConfigError: with the allowed range.
        """
        rate, mini, length = self.learning_rate, self.mini_batch_size, self.max_length
        patience = self.early_stopping_patience
        wrong = [
            ("num_train_epochs", self.num_train_epochs, 0 < self.num_train_epochs <= 100, "above 0 to 100"),
            (
                "per_device_train_batch_size",
                self.per_device_train_batch_size,
                self.per_device_train_batch_size >= 2,
                "2 or more",
            ),
            ("mini_batch_size", mini, mini is None or mini >= 1, "1 or more, or nothing: as many as fit"),
            ("gradient_accumulation_steps", self.gradient_accumulation_steps, self.gradient_accumulation_steps >= 1, "1 or more"),
            ("max_length", length, length is None or length >= 8, "8 or more, or nothing: the model's limit"),
            ("learning_rate", rate, rate is None or 0 < rate < 1, "above 0 and below 1; 2e-5 is usual"),
            ("lr_scheduler_type", self.lr_scheduler_type, self.lr_scheduler_type in SCHEDULES, ", ".join(SCHEDULES)),
            ("warmup_steps", self.warmup_steps, self.warmup_steps >= 0, "0 or more; below 1 it is a share"),
            ("lora_rank", self.lora_rank, self.lora_rank >= 0, "0 (none) or more; 16 is usual"),
            ("lora_dropout", self.lora_dropout, 0 <= self.lora_dropout < 1, "0 to below 1"),
            ("freeze_layers", self.freeze_layers, self.freeze_layers >= 0, "0 (none) or more"),
            ("layer_lr_decay", self.layer_lr_decay, 0 < self.layer_lr_decay <= 1, "above 0 to 1; 0.9 is usual"),
            ("early_stopping_patience", patience, patience is None or patience >= 1, "1 or more, or nothing: no early stop"),
            ("eval_per_epoch", self.eval_per_epoch, self.eval_per_epoch >= 1, "1 or more"),
            ("max_dev_queries", self.max_dev_queries, self.max_dev_queries >= 2, "2 or more"),
            ("max_steps", self.max_steps, self.max_steps == -1 or self.max_steps > 0, "-1 (no limit) or above 0"),
            ("matryoshka_dims", list(self.matryoshka_dims), all(d > 0 for d in self.matryoshka_dims), "sizes above 0"),
        ]  # fmt: skip
        for name, value, fine, allowed in wrong:
            if not fine:
                raise ConfigError(f"train.{name} is {value}; allowed is {allowed}.")
