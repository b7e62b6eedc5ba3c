"""How many steps a training takes, how often it is measured, and how fast it learns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from semtune.train.data.rows import RowsSummary
from semtune.train.processes import world
from semtune.train.settings import TrainSettings

LEARNING_RATE = 2e-5
SCORED_RATE = 5e-5  # found on STS-B's dev part: 0.881, against 0.876 at 2e-5 and 0.878 at 1e-4 (benchmarks/lift.py)
CLASSES_RATE = 5e-5  # on BANKING77: see benchmarks/LOG.md
LORA_RATE = 2e-4  # adapters start at zero and take ten times the rate (Hu et al. 2021)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Passes over the rows, optimiser steps in all, and steps between two dev measurements."""

    epochs: float
    steps: int
    eval_steps: int


def plan_schedule(counts: Sequence[int], batch: int, settings: TrainSettings) -> Schedule:
    """The schedule for data sets with these numbers of rows; processes share the batches of each data set."""
    per_epoch = sum(math.ceil(math.ceil(count / batch) / world()) for count in counts)
    if settings.max_steps > 0:
        steps, epochs = settings.max_steps, round(settings.max_steps / per_epoch, 3)
    else:
        steps, epochs = max(1, math.ceil(per_epoch * settings.num_train_epochs)), settings.num_train_epochs
    return Schedule(epochs, steps, max(1, min(steps, round(per_epoch / settings.eval_per_epoch))))


def learning_rate(rows: RowsSummary, settings: TrainSettings) -> float:
    """The peak learning rate: the one set, or else what suits the rows and the weights that are trained."""
    if settings.learning_rate:
        return settings.learning_rate
    if settings.lora_rank:
        return LORA_RATE
    if rows.shape == "labelled texts":
        return CLASSES_RATE
    return SCORED_RATE if rows.shape == "scored pairs" else LEARNING_RATE
