"""What a training's log says, in words: what went wrong, how one sees it, and what to do.

Ups and downs of the dev metric within its standard error say nothing and are not reported; see `MARGIN`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Literal

Row = dict[str, Any]
MARGIN = 2.0  # standard errors of the gain that a change of the metric must exceed to be called one
LOSS_RISE = 1.05  # of the lowest dev loss; it is measured on the same rows each time, so little of it is noise
STUCK = 0.9  # a training loss that stays above this share of its first values has not fallen
STILL = 1e-4  # 1 - cosine to where the embeddings were: nothing moved
USUAL = 1e-5  # from such a rate it is not the rate but too few steps that left all as it was
DONE_LOSS = 0.02  # share of the first training loss below which nothing is left to learn
FEW = 20  # dev queries or pairs, as in `evaluate`


@dataclass(frozen=True, slots=True)
class Finding:
    """Something seen in a training.

    Attributes:
        kind: its name, e.g. "over-fitting".
        severity: "warning" asks for something to be done; a "note" is good to know.
        sentence: what was seen, with the numbers.
        advice: what to do.
        step: of the last row it was seen in.
    """

    kind: str
    severity: Literal["warning", "note"]
    sentence: str
    advice: str
    step: int

    def line(self) -> str:
        """One line for a log or a card."""
        return f"{self.kind}: {self.sentence} {self.advice}"

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Chart:
    """A log by what was measured.

    Attributes:
        metric: the dev metric's name.
        steps: of the whole training as planned.
        dev: rows with a dev measurement, the first of them the base.
        train: rows with a training loss.
        patience, max_drop: see `diagnose`.
    """

    metric: str
    steps: int
    dev: list[Row]
    train: list[Row]
    patience: int | None = None
    max_drop: float | None = None

    def value(self, row: Row) -> float:
        """The dev metric of a row; what is no number counts as 0."""
        value = float(row[f"dev_{self.metric}"])
        return value if math.isfinite(value) else 0.0

    @property
    def best(self) -> Row:
        """The first row with the highest metric, the base included."""
        return max(self.dev, key=self.value)

    @property
    def stale(self) -> int:
        """Measurements since the best one."""
        return sum(row["step"] > self.best["step"] for row in self.dev)

    @property
    def last(self) -> Row:
        """The newest measurement."""
        return self.dev[-1]

    @property
    def now(self) -> float:
        """The newest value of the metric."""
        return self.value(self.last)

    @property
    def late(self) -> list[float]:
        """The last two values after the base's: a change must show in both, so that one dip is none."""
        return [self.value(row) for row in self.dev[1:][-2:]]

    @property
    def noise(self) -> float:
        """Standard error of a gain over the base: the largest that was met."""
        known = [row["dev_error"] for row in self.dev if math.isfinite(row.get("dev_error", math.nan))]
        return max(known, default=0.0)

    def fallen(self, margin: float = MARGIN) -> bool:
        """Whether the metric is lower than it was, by more than chance."""
        return self.value(self.best) - max(self.late) > max(margin * self.noise, 1e-4)

    def loss(self, part: slice) -> float:
        """Median training loss of a part of its points."""
        return median(row["loss"] for row in self.train[part]) if self.train[part] else math.nan

    @property
    def loss_stuck(self) -> bool:
        """Whether the training loss has not fallen since the first points."""
        third = max(1, len(self.train) // 3)
        return len(self.train) >= 6 and self.loss(slice(-third, None)) > STUCK * self.loss(slice(third))

    def loss_fell_after(self, step: int) -> bool:
        """Whether the training loss is lower now than it was up to a step."""
        before = [row["loss"] for row in self.train if row["step"] <= step]
        after = [row["loss"] for row in self.train if row["step"] > step]
        return bool(before and after) and median(after[-max(3, len(after) // 2) :]) < median(before)

    def dev_loss_risen(self) -> bool:
        """Whether the last two dev losses lie above the lowest, which was before them."""
        losses = [row["dev_loss"] for row in self.dev if math.isfinite(row.get("dev_loss", math.nan))]
        return len(losses) >= 4 and min(losses[-2:]) > LOSS_RISE * min(losses[:-2])


def chart(
    rows: Iterable[Row], metric: str, steps: int, patience: int | None = None, max_drop: float | None = None
) -> Chart:
    """Sort a log's rows; `steps` is the length of the training as planned."""
    rows = list(rows)
    dev = [row for row in rows if metric and f"dev_{metric}" in row]
    return Chart(metric, steps, dev, [row for row in rows if "loss" in row], patience, max_drop)


def diagnose(
    rows: Iterable[Row], metric: str, steps: int, patience: int | None = None, max_drop: float | None = None
) -> list[Finding]:
    """Say what a training's log shows, the gravest first.

    Args:
        rows: of `log.jsonl`: step, epoch, loss, learning_rate, dev_loss, the metric as dev_<metric>, and the
            probes dev_error, dev_alike, dev_spread, dev_moved where they were measured.
        metric: the dev metric's name; empty without a dev split.
        steps: of the whole training as planned.
        patience: measurements without a gain after which it stops; None: it does not.
        max_drop: what the metric on the floor set may lose; None without one.

    Returns:
        Findings, each kind once; none of a training that goes well.
    """
    seen = chart(rows, metric, steps, patience, max_drop)
    signs = SIGNS if len(seen.dev) >= 2 else WITHOUT_DEV
    found = [finding for sign in signs if (finding := sign(seen))]
    kinds = {finding.kind for finding in found}
    return [finding for finding in found if not kinds & HIDDEN_BY.get(finding.kind, set())]


def collapse(seen: Chart) -> Finding | None:
    """All texts get nearly one embedding: the cosines draw near 1, or few directions are left, and the metric falls."""
    first, last = seen.dev[0], seen.last
    if not {"dev_alike", "dev_spread"} <= first.keys() & last.keys():
        return None
    closed = (last["dev_alike"] - first["dev_alike"]) / max(1e-9, 1 - first["dev_alike"])
    narrow = last["dev_spread"] < first["dev_spread"] / 4
    if math.isfinite(last["dev_alike"]) and not ((closed > 0.75 or narrow) and seen.fallen()):
        return None
    return _finding(
        seen,
        "collapse",
        "warning",
        f"the embeddings of different texts became alike: their mean cosine went from {first['dev_alike']:.2f} to "
        f"{last['dev_alike']:.2f}, the directions in use from {first['dev_spread']:.0f} to {last['dev_spread']:.0f}.",
        "Lower train.learning_rate (2e-5 is usual); for scored pairs, see that the scores are not all high.",
    )


def rate_too_high(seen: Chart) -> Finding | None:
    """The metric breaks down at once and the training loss does not fall, or rises."""
    first = seen.value(seen.dev[0])
    lost = first - max(seen.value(row) for row in seen.dev[1:])
    risen = seen.dev[-1].get("dev_loss", 0.0) > 1.5 * seen.dev[0].get("dev_loss", math.inf)
    if not lost > max(MARGIN * seen.noise, 0.01) or not (seen.loss_stuck or (risen and len(seen.dev) <= 3)):
        return None
    return _finding(
        seen,
        "learning rate too high",
        "warning",
        f"dev {seen.metric} fell from {first:.4f} to {seen.now:.4f} and never came back, and the training loss does "
        "not fall.",
        f"Lower train.learning_rate to a tenth of {_rate(seen):g} or less.",
    )


def rate_too_low(seen: Chart) -> Finding | None:
    """Nothing moves although most of the training is over."""
    moved = seen.last.get("dev_moved", math.nan)
    rate = _rate(seen)
    over = seen.last["step"] >= seen.steps / 2
    if not (moved < STILL and over and 0 < rate < USUAL):  # no rate: still in the warm-up
        return None
    return _finding(
        seen,
        "learning rate too low",
        "warning",
        f"after {seen.last['step']} of {seen.steps} steps the embeddings are where they were (cosine {1 - moved:.6f}), "
        f"and dev {seen.metric} is {seen.now:.4f} as before.",
        f"Raise train.learning_rate above {rate:g}: 2e-5 is usual.",
    )


def over_fitting(seen: Chart) -> Finding | None:
    """Dev loss rises and the metric falls while the training loss goes down."""
    if not seen.dev_loss_risen() or not seen.fallen(1.0):
        return None
    low = min(seen.dev, key=lambda row: row["dev_loss"])
    if not seen.loss_fell_after(low["step"]):
        return None
    return _finding(
        seen,
        "over-fitting",
        "warning",
        f"since step {low['step']} the dev loss rose from {low['dev_loss']:.3f} to {seen.last['dev_loss']:.3f} while the "
        f"training loss went on falling, and dev {seen.metric} fell from {seen.value(seen.best):.4f} to {seen.now:.4f}.",
        "The best checkpoint is kept; train fewer epochs, at a lower rate, or on more pairs.",
    )


def conflict(seen: Chart) -> Finding | None:
    """Dev loss and metric say different things."""
    losses = [row.get("dev_loss", math.nan) for row in seen.dev]
    low = min(seen.dev, key=lambda row: row.get("dev_loss", math.inf))
    gained = min(seen.late) - seen.value(low) > max(MARGIN * seen.noise, 1e-4)
    if seen.dev_loss_risen() and gained:
        what = f"the dev loss rose from {low['dev_loss']:.3f} to {losses[-1]:.3f}, yet dev {seen.metric} rose too"
    elif len(losses) >= 4 and seen.fallen() and max(losses[-2:]) * LOSS_RISE < seen.best.get("dev_loss", math.nan):
        what = f"the dev loss goes on falling, yet dev {seen.metric} fell from {seen.value(seen.best):.4f} to {seen.now:.4f}"
    else:
        return None
    return _finding(
        seen,
        "loss and metric in conflict",
        "warning",
        f"{what}: the loss does not measure what the dev part asks for.",
        "The metric decides. See that train and dev ask the same kind of question, or change train.loss.",
    )


def exhausted(seen: Chart) -> Finding | None:
    """The training loss is next to nothing: the pairs have nothing more to teach."""
    if len(seen.train) < 6:
        return None
    quarter = max(2, len(seen.train) // 4)
    first, last = seen.loss(slice(quarter)), seen.loss(slice(-quarter, None))
    if not last < max(DONE_LOSS * first, 1e-3):
        return None
    return _finding(
        seen,
        "data exhausted",
        "note",
        f"the training loss fell to {last:.2g}, from {first:.2g}: the model knows these pairs.",
        "More steps on them teach nothing; add pairs, or harder ones (prepare.hard_negatives).",
    )


def plateau(seen: Chart) -> Finding | None:
    """Half of the training or more brought nothing after the metric had risen."""
    best, after = seen.best, [row for row in seen.dev if row["step"] > seen.best["step"]]
    gained = seen.value(best) - seen.value(seen.dev[0]) > MARGIN * seen.noise
    if not gained or len(after) < 4 or seen.last["step"] - best["step"] < seen.steps / 2 or seen.fallen():
        return None
    return _finding(
        seen,
        "plateau",
        "note",
        f"dev {seen.metric} was highest at step {best['step']} ({seen.value(best):.4f}); {len(after)} measurements since "
        "then, over more than half of the training, brought no more.",
        "Fewer epochs give the same; more pairs may give more.",
    )


def forgetting(seen: Chart) -> Finding | None:
    """The floor set loses more than it may."""
    first, last = seen.dev[0].get("dev_floor"), seen.last.get("dev_floor")
    if seen.max_drop is None or first is None or last is None or last >= first - seen.max_drop:
        return None
    return _finding(
        seen,
        "forgetting",
        "warning",
        f"on the floor set the metric went from {first:.4f} to {last:.4f}; at most {seen.max_drop:g} may be lost.",
        "At the end a mix with the base is looked for; a lower train.learning_rate forgets less.",
    )


def stopped(seen: Chart) -> Finding | None:
    """The training ends before its time."""
    if seen.patience is None or seen.last["step"] >= seen.steps or seen.stale < seen.patience:
        return None
    return _finding(
        seen,
        "stopped early",
        "note",
        f"at step {seen.last['step']} of {seen.steps}: {seen.stale} measurements brought nothing above dev "
        f"{seen.metric} {seen.value(seen.best):.4f} of step {seen.best['step']}.",
        "To go on all the same, raise train.early_stopping_patience.",
    )


def _finding(seen: Chart, kind: str, severity: Literal["warning", "note"], sentence: str, advice: str) -> Finding:
    step = max((row["step"] for row in (*seen.dev[-1:], *seen.train[-1:])), default=0)
    return Finding(kind, severity, sentence, advice, step)


def _rate(seen: Chart) -> float:
    return max((row.get("learning_rate", 0.0) for row in seen.train), default=0.0)


Sign = Callable[[Chart], Finding | None]
SIGNS: Sequence[Sign] = (
    collapse,
    rate_too_high,
    rate_too_low,
    over_fitting,
    conflict,
    forgetting,
    exhausted,
    plateau,
    stopped,
)
WITHOUT_DEV: Sequence[Sign] = (exhausted,)
HIDDEN_BY = {  # what follows from something graver is not said as well
    "loss and metric in conflict": {"collapse", "learning rate too high", "over-fitting"},
    "plateau": {"collapse", "over-fitting", "data exhausted", "stopped early"},
}


def dev_loss_fell(rows: Iterable[Row], metric: str) -> bool:
    """Whether the dev loss is lower than the base's where the metric was highest after it."""
    seen = chart(rows, metric, 0)
    if len(seen.dev) < 2:
        return False
    best = max(seen.dev[1:], key=seen.value)
    return bool(best.get("dev_loss", math.nan) < seen.dev[0].get("dev_loss", math.nan))


def stalled(rows: Iterable[Row], metric: str, patience: int) -> bool:
    """Whether `patience` measurements in a row brought nothing above the best before them; the base counts as one."""
    seen = chart(rows, metric, 0)
    return bool(seen.dev) and seen.stale >= patience
