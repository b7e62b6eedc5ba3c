"""What a training's log says so far: dev metric, losses, and which changes are more than chance."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

LogRow = dict[str, Any]
SIGNIFICANT_ERRORS = 2.0  # standard errors of the gain that a change of the metric must exceed to count as one
LOSS_RISE = 1.05  # of the lowest dev loss; it is measured on the same rows each time, so little of it is noise
STUCK_SHARE = 0.9  # a training loss that stays above this share of its first values has not fallen


@dataclass(frozen=True, slots=True)
class TrainingHistory:
    """The log of a training, sorted by what was measured.

    Attributes:
        metric: the dev metric's name.
        steps: of the whole training as planned.
        dev: rows with a dev measurement; the first is the base's.
        train: rows with a training loss.
        patience: measurements without a gain after which training stops; None: it does not.
        max_drop: what the metric on the floor set may lose; None without a floor.
    """

    metric: str
    steps: int
    dev: list[LogRow]
    train: list[LogRow]
    patience: int | None = None
    max_drop: float | None = None

    def value(self, row: LogRow) -> float:
        """The dev metric of a row; NaN and infinity count as 0."""
        value = float(row[f"dev_{self.metric}"])
        return value if math.isfinite(value) else 0.0

    @property
    def best(self) -> LogRow:
        """The first row with the highest metric, the base included."""
        return max(self.dev, key=self.value)

    @property
    def best_value(self) -> float:
        """The highest value of the metric."""
        return self.value(self.best)

    @property
    def stale(self) -> int:
        """Number of measurements since the best one."""
        return sum(row["step"] > self.best["step"] for row in self.dev)

    @property
    def last(self) -> LogRow:
        """The newest measurement."""
        return self.dev[-1]

    @property
    def now(self) -> float:
        """The newest value of the metric."""
        return self.value(self.last)

    @property
    def recent(self) -> list[float]:
        """The last two values after the base's; a change must show in both, so that a single dip does not count."""
        return [self.value(row) for row in self.dev[1:][-2:]]

    @property
    def noise(self) -> float:
        """Standard error of a gain over the base: the largest that was measured."""
        known = [row["dev_error"] for row in self.dev if math.isfinite(row.get("dev_error", math.nan))]
        return max(known, default=0.0)

    def fallen(self, errors: float = SIGNIFICANT_ERRORS) -> bool:
        """Whether the metric is below its best by more than chance, measured in standard errors."""
        return self.best_value - max(self.recent) > max(errors * self.noise, 1e-4)

    def loss(self, part: slice) -> float:
        """Median training loss of a part of its points."""
        return median(row["loss"] for row in self.train[part]) if self.train[part] else math.nan

    @property
    def loss_stuck(self) -> bool:
        """Whether the training loss has not fallen since the first points."""
        third = max(1, len(self.train) // 3)
        return len(self.train) >= 6 and self.loss(slice(-third, None)) > STUCK_SHARE * self.loss(slice(third))

    def loss_fell_after(self, step: int) -> bool:
        """Whether the training loss is lower now than it was up to a step."""
        before = [row["loss"] for row in self.train if row["step"] <= step]
        after = [row["loss"] for row in self.train if row["step"] > step]
        return bool(before and after) and median(after[-max(3, len(after) // 2) :]) < median(before)

    def dev_loss_risen(self) -> bool:
        """Whether the last two dev losses are above the lowest one before them."""
        losses = [row["dev_loss"] for row in self.dev if math.isfinite(row.get("dev_loss", math.nan))]
        return len(losses) >= 4 and min(losses[-2:]) > LOSS_RISE * min(losses[:-2])

    @property
    def peak_rate(self) -> float:
        """The highest learning rate so far."""
        return max((row.get("learning_rate", 0.0) for row in self.train), default=0.0)

    @property
    def newest_step(self) -> int:
        """The step of the newest row."""
        return max((row["step"] for row in (*self.dev[-1:], *self.train[-1:])), default=0)


def read_history(
    rows: Iterable[LogRow], metric: str, steps: int, patience: int | None = None, max_drop: float | None = None
) -> TrainingHistory:
    """Sort the rows of a log; the arguments are those of `semtune.train.monitor.diagnosis.diagnose`."""
    rows = list(rows)
    dev = [row for row in rows if metric and f"dev_{metric}" in row]
    return TrainingHistory(metric, steps, dev, [row for row in rows if "loss" in row], patience, max_drop)
