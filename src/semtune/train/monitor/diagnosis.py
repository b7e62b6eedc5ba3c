"""The training doctor: what a training's log shows, in words, with what to do about it.

Ups and downs of the dev metric within its standard error mean nothing and are not reported; see
`semtune.train.monitor.history.SIGNIFICANT_ERRORS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from semtune.train.monitor.finding import Finding
from semtune.train.monitor.findings.collapse import collapse
from semtune.train.monitor.findings.forgetting import below_floor
from semtune.train.monitor.findings.learning_rate import rate_too_high, rate_too_low
from semtune.train.monitor.findings.no_progress import exhausted, plateau, stopped
from semtune.train.monitor.findings.overfitting import conflict, overfitting
from semtune.train.monitor.history import LogRow, TrainingHistory, read_history

Check = Callable[[TrainingHistory], Finding | None]
CHECKS: Sequence[Check] = (
    collapse,
    rate_too_high,
    rate_too_low,
    overfitting,
    conflict,
    below_floor,
    exhausted,
    plateau,
    stopped,
)
"""The most serious first."""
CHECKS_WITHOUT_DEV: Sequence[Check] = (exhausted,)
HIDDEN_BY = {  # a finding that follows from a more serious one is not reported as well
    "loss and metric in conflict": {"collapse", "learning rate too high", "over-fitting"},
    "plateau": {"collapse", "over-fitting", "data exhausted", "stopped early"},
}


def diagnose(
    rows: Iterable[LogRow], metric: str, steps: int, patience: int | None = None, max_drop: float | None = None
) -> list[Finding]:
    """Say what a training's log shows, the most serious finding first.

    Args:
        rows: of `log.jsonl`: step, epoch, loss, learning_rate, dev_loss, the metric as dev_<metric>, and dev_error,
            dev_alike, dev_spread, dev_moved where they were measured.
        metric: the dev metric's name; empty without a dev split.
        steps: of the whole training as planned.
        patience: measurements without a gain after which it stops; None: it does not.
        max_drop: what the metric on the floor set may lose; None without one.

    Returns:
        Findings, each kind once; none for a training that goes well.
    """
    history = read_history(rows, metric, steps, patience, max_drop)
    checks = CHECKS if len(history.dev) >= 2 else CHECKS_WITHOUT_DEV
    found = [finding for check in checks if (finding := check(history))]
    kinds = {finding.kind for finding in found}
    return [finding for finding in found if not kinds & HIDDEN_BY.get(finding.kind, set())]


def dev_loss_fell(rows: Iterable[LogRow], metric: str) -> bool:
    """Whether the dev loss at the best dev metric after the start is below the base's."""
    history = read_history(rows, metric, 0)
    if len(history.dev) < 2:
        return False
    best = max(history.dev[1:], key=history.value)
    return bool(best.get("dev_loss", math.nan) < history.dev[0].get("dev_loss", math.nan))


def stalled(rows: Iterable[LogRow], metric: str, patience: int) -> bool:
    """Whether the last `patience` measurements brought nothing above the best before; the base counts as one."""
    history = read_history(rows, metric, 0)
    return bool(history.dev) and history.stale >= patience
