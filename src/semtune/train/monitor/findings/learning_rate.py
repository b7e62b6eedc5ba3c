"""The learning rate is too high or too low."""

from __future__ import annotations

import math

from semtune.train.monitor.finding import Finding
from semtune.train.monitor.history import SIGNIFICANT_ERRORS, TrainingHistory

NOT_MOVED = 1e-4  # 1 - cosine to the embeddings before training
USUAL_RATE = 1e-5  # at this rate or above it is too few steps, not the rate, that left everything as it was


def rate_too_high(history: TrainingHistory) -> Finding | None:
    """The metric breaks down at once, and the training loss does not fall."""
    first = history.value(history.dev[0])
    lost = first - max(history.value(row) for row in history.dev[1:])
    if not lost > max(SIGNIFICANT_ERRORS * history.noise, 0.01) or not _loss_out_of_control(history):
        return None
    return Finding(
        "learning rate too high",
        "warning",
        f"dev {history.metric} fell from {first:.4f} to {history.now:.4f} and never recovered, and the training loss "
        "does not fall.",
        f"Lower train.learning_rate to a tenth of {history.peak_rate:g} or less.",
        history.newest_step,
    )


def _loss_out_of_control(history: TrainingHistory) -> bool:
    """The training loss does not fall; before that can be seen, the dev loss has risen by half."""
    risen = history.last.get("dev_loss", 0.0) > 1.5 * history.dev[0].get("dev_loss", math.inf)
    return history.loss_stuck or (risen and len(history.dev) <= 3)


def rate_too_low(history: TrainingHistory) -> Finding | None:
    """The embeddings have not moved although half of the training is over."""
    moved = history.last.get("dev_moved", math.nan)
    rate = history.peak_rate
    half_over = history.last["step"] >= history.steps / 2
    if not (moved < NOT_MOVED and half_over and 0 < rate < USUAL_RATE):  # a rate of 0: still in the warm-up
        return None
    return Finding(
        "learning rate too low",
        "warning",
        f"after {history.last['step']} of {history.steps} steps the embeddings have not moved (cosine "
        f"{1 - moved:.6f}), and dev {history.metric} is still {history.now:.4f}.",
        f"Raise train.learning_rate above {rate:g}; 2e-5 is usual.",
        history.newest_step,
    )
