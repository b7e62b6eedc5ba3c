"""From the data's shape to the loss, the batches and the number of steps."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from semtune.dataset import Dataset
from semtune.encoders.machine import has_bf16
from semtune.errors import InputError
from semtune.train.settings import TrainSettings

MIN_ROWS = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be trained, and why.

    Attributes:
        shape: "pairs" or "scored pairs".
        loss: the sentence-transformers loss.
        rows, dev_rows: training and dev rows.
        batch_size, steps, eval_steps: in rows and optimiser steps.
        epochs: passes over the rows.
        bf16: whether matrix products run in bf16 (autocast; weights stay fp32).
        metric: the dev metric that picks the best checkpoint; empty when there is no dev split.
    """

    shape: str
    loss: str
    rows: int
    dev_rows: int
    batch_size: int
    epochs: float
    steps: int
    eval_steps: int
    bf16: bool
    metric: str

    def sentence(self) -> str:
        """The plan in words."""
        half = "bf16 (the processor has it)" if self.bf16 else "fp32"
        choose = f"best checkpoint by dev {self.metric}" if self.metric else "no dev split: the last step is kept"
        return (
            f"{self.rows:,} {self.shape} → {self.loss}, batch {self.batch_size} by length without duplicates, "
            f"{self.epochs:g} epochs = {self.steps:,} steps, {half}, {choose}"
        )

    def as_dict(self) -> dict[str, object]:
        """The JSON form."""
        return asdict(self)


def plan(dataset: Dataset, settings: TrainSettings) -> Plan:
    """Choose how to train on `dataset`.

    Raises:
        InputError: there is nothing to train on.
        ConfigError: a setting is out of range.
    """
    settings.check()
    scored, pairs = dataset.scored.get("train", []), dataset.pairs.get("train", [])
    rows = len(scored or pairs)
    if rows < MIN_ROWS:
        raise InputError(
            f"The data set has {rows} training row{'s' if rows != 1 else ''}; at least {MIN_ROWS} are needed to train. "
            "Give more documents or labelled pairs (see prepare.json for what was dropped and why)."
        )
    if scored and len({pair.score for pair in scored}) == 1:
        raise InputError(
            f"All {rows} training scores are {scored[0].score}: nothing can be learned from labels of one value."
        )
    batch = min(settings.per_device_train_batch_size, rows)
    per_epoch = math.ceil(rows / batch)
    steps = settings.max_steps if settings.max_steps > 0 else max(1, math.ceil(per_epoch * settings.num_train_epochs))
    dev = len(dataset.scored.get("dev", [])) if scored else len(dataset.qrels.get("dev", {}))
    metric = ("spearman" if scored else "ndcg@10") if dev else ""
    return Plan(
        shape="scored pairs" if scored else "pairs",
        loss="CoSENTLoss" if scored else "MultipleNegativesRankingLoss",
        rows=rows,
        dev_rows=dev,
        batch_size=batch,
        epochs=settings.num_train_epochs if settings.max_steps <= 0 else round(steps / per_epoch, 3),
        steps=steps,
        eval_steps=max(1, min(steps, round(per_epoch / settings.eval_per_epoch))),
        bf16=has_bf16() if settings.precision == "auto" else settings.precision == "bf16",
        metric=metric,
    )
