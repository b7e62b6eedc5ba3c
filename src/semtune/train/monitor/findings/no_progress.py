"""More training brings nothing: the data is learned, the metric stands still, or training stopped early."""

from __future__ import annotations

from semtune.train.monitor.finding import Finding
from semtune.train.monitor.history import SIGNIFICANT_ERRORS, TrainingHistory

LEARNED_SHARE = 0.02  # of the first training loss; below it nothing is left to learn


def exhausted(history: TrainingHistory) -> Finding | None:
    """The training loss is almost zero: the pairs have nothing more to teach."""
    if len(history.train) < 6:
        return None
    quarter = max(2, len(history.train) // 4)
    first, last = history.loss(slice(quarter)), history.loss(slice(-quarter, None))
    if not last < max(LEARNED_SHARE * first, 1e-3):
        return None
    return Finding(
        "data exhausted",
        "note",
        f"the training loss fell from {first:.2g} to {last:.2g}: the model has learned these pairs.",
        "More steps on them teach nothing; add pairs, or harder ones (prepare.hard_negatives).",
        history.newest_step,
    )


def plateau(history: TrainingHistory) -> Finding | None:
    """The metric rose, and then half of the training or more brought nothing."""
    best = history.best
    after = [row for row in history.dev if row["step"] > best["step"]]
    gained = history.best_value - history.value(history.dev[0]) > SIGNIFICANT_ERRORS * history.noise
    if not gained or len(after) < 4 or history.last["step"] - best["step"] < history.steps / 2 or history.fallen():
        return None
    return Finding(
        "plateau",
        "note",
        f"dev {history.metric} was highest at step {best['step']} ({history.best_value:.4f}); {len(after)} "
        "measurements since then, over more than half of the training, brought no gain.",
        "Fewer epochs would give the same result; more pairs may give a better one.",
        history.newest_step,
    )


def stopped(history: TrainingHistory) -> Finding | None:
    """Training ended before the planned number of steps."""
    if history.patience is None or history.last["step"] >= history.steps or history.stale < history.patience:
        return None
    return Finding(
        "stopped early",
        "note",
        f"at step {history.last['step']} of {history.steps}: {history.stale} measurements brought nothing above dev "
        f"{history.metric} {history.best_value:.4f} of step {history.best['step']}.",
        "To train on anyway, raise train.early_stopping_patience.",
        history.newest_step,
    )
