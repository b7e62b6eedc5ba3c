"""The forgetting floor: weights between the base and the tuned model that keep the gain and what the base could do.

Averaging the weights of a model before and after fine-tuning often keeps most of the gain and loses little
elsewhere: Wortsman et al. 2022, "Robust fine-tuning of zero-shot models" (WiSE-FT).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import torch

from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.types import Split

State: TypeAlias = dict[str, torch.Tensor]  # a model's weights by name
SHARES = (0.8, 0.6, 0.4, 0.2)  # of the tuned model in a mix


@dataclass(frozen=True, slots=True)
class FloorSet:
    """What the model must not become worse on, and by how much at most."""

    dataset: Dataset
    max_drop: float

    @property
    def split(self) -> Split:
        """What of it is measured: its test part, or else its dev part, or all there is.

        Raises:
            InputError: it has neither scored pairs nor judged queries.
        """
        splits: tuple[Split, ...] = ("test", "dev", "train")
        for split in splits:
            if self.dataset.scored.get(split) or self.dataset.qrels.get(split):
                return split
        raise InputError(
            "train.floor.data has nothing to measure. Needed: (sentence1, sentence2, score), or queries with qrels."
        )


@dataclass(frozen=True, slots=True)
class Point:
    """A mix of base (share 0) and tuned model (share 1) and what it measures; `dev` is NaN without a dev part."""

    share: float
    dev: float
    floor: float


@dataclass(frozen=True, slots=True)
class Floor:
    """How the floor was kept.

    Attributes:
        metric: of the floor set.
        max_drop: what the metric may lose against the base.
        share: of the tuned model in the weights that were chosen; 0: the base.
        points: all mixes that were measured, from the base on.
    """

    metric: str
    max_drop: float
    share: float
    points: tuple[Point, ...]

    def at(self, share: float) -> Point:
        """The mix of a share."""
        return next(point for point in self.points if point.share == share)

    @property
    def kept(self) -> bool:
        """Whether the tuned model itself keeps the floor."""
        return _keeps(self.at(1.0), self.at(0.0), self.max_drop)

    def sentence(self) -> str:
        """What happened, in words."""
        base, tuned, chosen = self.at(0.0).floor, self.at(1.0).floor, self.at(self.share)
        fell = f"{self.metric} on the floor set went from {base:.4f} to {tuned:.4f} ({tuned - base:+.4f})"
        if self.share == 1.0:
            return f"{fell}; at most {self.max_drop:g} may be lost: kept."
        if self.share == 0.0:
            return f"{fell}; at most {self.max_drop:g} may be lost, and no mix with the base keeps that and a gain."
        return (
            f"{fell}; at most {self.max_drop:g} may be lost. Weights of {self.share:.0%} tuned and "
            f"{1 - self.share:.0%} base keep {chosen.floor:.4f}."
        )

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self) | {"points": [_finite(asdict(point)) for point in self.points]}


def mixed(base: Mapping[str, torch.Tensor], tuned: Mapping[str, torch.Tensor], share: float) -> State:
    """`(1 - share) * base + share * tuned` for every weight; what is not a real number is the tuned model's.

    Raises:
        KeyError: the models do not have the same weights.
    """
    made: State = {}
    for name, weight in tuned.items():
        start = base[name]
        if weight.is_floating_point():
            between = torch.lerp(start.float(), weight.float(), share)
            made[name] = between.to(weight.dtype)
        else:
            made[name] = weight.clone()
    return made


def hold(measure: Callable[[float], Point], metric: str, max_drop: float, shares: Sequence[float] = SHARES) -> Floor:
    """Find the mix with the highest dev metric that loses at most `max_drop` on the floor set and gains on dev.

    Args:
        measure: share of the tuned model → what such a mix measures.
        metric: the floor set's.
        max_drop: what it may lose against the base.
        shares: to try where the tuned model itself loses more.
    """
    base, tuned = measure(0.0), measure(1.0)
    if _keeps(tuned, base, max_drop):
        return Floor(metric, max_drop, 1.0, (base, tuned))
    tried = [measure(share) for share in sorted(shares)]
    fine = [point for point in tried if _keeps(point, base, max_drop) and _gains(point, base)]
    # Without a dev part nothing tells the gain: the most of the tuned model that keeps the floor.
    best = max(fine, key=lambda point: (-math.inf if math.isnan(point.dev) else point.dev, point.share), default=base)
    return Floor(metric, max_drop, best.share, (base, *tried, tuned))


def _keeps(point: Point, base: Point, max_drop: float) -> bool:
    return point.floor >= base.floor - max_drop  # a floor that is no number is not kept


def _gains(point: Point, base: Point) -> bool:
    return math.isnan(base.dev) or point.dev > base.dev


def _finite(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
