"""Dev loss, dev metric and training loss drift apart: over-fitting, or a loss that does not measure the task."""

from __future__ import annotations

import math

from semtune.train.monitor.finding import Finding
from semtune.train.monitor.history import LOSS_RISE, SIGNIFICANT_ERRORS, TrainingHistory


def overfitting(history: TrainingHistory) -> Finding | None:
    """The dev loss rises and the metric falls while the training loss keeps falling."""
    if not history.dev_loss_risen() or not history.fallen(1.0):
        return None
    low = min(history.dev, key=lambda row: row["dev_loss"])
    if not history.loss_fell_after(low["step"]):
        return None
    return Finding(
        "over-fitting",
        "warning",
        f"since step {low['step']} the dev loss rose from {low['dev_loss']:.3f} to {history.last['dev_loss']:.3f} "
        f"while the training loss kept falling, and dev {history.metric} fell from {history.best_value:.4f} to "
        f"{history.now:.4f}.",
        "The best checkpoint is kept. Train fewer epochs, at a lower rate, or on more pairs.",
        history.newest_step,
    )


def conflict(history: TrainingHistory) -> Finding | None:
    """Dev loss and dev metric say different things."""
    what = _metric_rose_with_loss(history) or _metric_fell_with_loss(history)
    if not what:
        return None
    return Finding(
        "loss and metric in conflict",
        "warning",
        f"{what}: the loss does not measure what the dev split asks for.",
        "The metric decides. Check that train and dev ask the same kind of question, or change train.loss.",
        history.newest_step,
    )


def _metric_rose_with_loss(history: TrainingHistory) -> str:
    low = min(history.dev, key=lambda row: row.get("dev_loss", math.inf))
    gained = min(history.recent) - history.value(low) > max(SIGNIFICANT_ERRORS * history.noise, 1e-4)
    if not gained or not history.dev_loss_risen():
        return ""
    now = history.last.get("dev_loss", math.nan)
    return f"the dev loss rose from {low['dev_loss']:.3f} to {now:.3f}, yet dev {history.metric} rose too"


def _metric_fell_with_loss(history: TrainingHistory) -> str:
    losses = [row.get("dev_loss", math.nan) for row in history.dev]
    if len(losses) < 4 or not history.fallen():
        return ""
    if not max(losses[-2:]) * LOSS_RISE < history.best.get("dev_loss", math.nan):
        return ""
    return (
        f"the dev loss keeps falling, yet dev {history.metric} fell from {history.best_value:.4f} to {history.now:.4f}"
    )
