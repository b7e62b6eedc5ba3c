"""The forgetting floor: mixes of base and tuned weights that keep the gain and what the base could do.

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

Weights: TypeAlias = dict[str, torch.Tensor]  # of a model, by name
MIX_SHARES = (0.8, 0.6, 0.4, 0.2)  # of the tuned model in a mix


@dataclass(frozen=True, slots=True)
class FloorSet:
    """What the model must not become worse on, and the largest drop allowed."""

    dataset: Dataset
    max_drop: float

    @property
    def split(self) -> Split:
        """The split that is measured: test if there is one, else dev, else train.

        Raises:
            InputError: it has neither scored pairs nor judged queries.
        """
        splits: tuple[Split, ...] = ("test", "dev", "train")
        for split in splits:
            if self.dataset.scored.get(split) or self.dataset.qrels.get(split):
                return split
        raise InputError(
            "train.floor.data has nothing to measure. Needed: scored pairs (sentence1, sentence2, score), or "
            "queries with qrels."
        )


@dataclass(frozen=True, slots=True)
class MixResult:
    """The metrics of a mix of base (share 0) and tuned model (share 1); `dev` is NaN without a dev split."""

    share: float
    dev: float
    floor: float


@dataclass(frozen=True, slots=True)
class FloorOutcome:
    """Whether the tuned model keeps the floor, and the mix that was chosen.

    Attributes:
        metric: of the floor set.
        max_drop: what the metric may lose against the base.
        share: of the tuned model in the weights that were chosen; 0: the base.
        points: all mixes that were measured, the base first.
    """

    metric: str
    max_drop: float
    share: float
    points: tuple[MixResult, ...]

    def at(self, share: float) -> MixResult:
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
            return f"{fell}; a drop of up to {self.max_drop:g} is allowed: kept."
        if self.share == 0.0:
            return (
                f"{fell}; a drop of up to {self.max_drop:g} is allowed, and no mix with the base keeps to it and gains."
            )
        return (
            f"{fell}; a drop of up to {self.max_drop:g} is allowed. Weights of {self.share:.0%} tuned and "
            f"{1 - self.share:.0%} base reach {chosen.floor:.4f}."
        )

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self) | {"points": [_without_nan(asdict(point)) for point in self.points]}


def mix_weights(base: Mapping[str, torch.Tensor], tuned: Mapping[str, torch.Tensor], share: float) -> Weights:
    """`(1 - share) * base + share * tuned` for every weight; integers are the tuned model's.

    Raises:
        KeyError: the models do not have the same weights.
    """
    made: Weights = {}
    for name, weight in tuned.items():
        start = base[name]
        if weight.is_floating_point():
            between = torch.lerp(start.float(), weight.float(), share)
            made[name] = between.to(weight.dtype)
        else:
            made[name] = weight.clone()
    return made


def choose_mix(
    measure: Callable[[float], MixResult], metric: str, max_drop: float, shares: Sequence[float] = MIX_SHARES
) -> FloorOutcome:
    """Find the mix with the highest dev metric that gains on dev and drops by at most `max_drop` on the floor set.

    Args:
        measure: share of the tuned model → the metrics of that mix.
        metric: the floor set's.
        max_drop: what it may lose against the base.
        shares: to try where the tuned model itself drops more.
    """
    base, tuned = measure(0.0), measure(1.0)
    if _keeps(tuned, base, max_drop):
        return FloorOutcome(metric, max_drop, 1.0, (base, tuned))
    tried = [measure(share) for share in sorted(shares)]
    fine = [point for point in tried if _keeps(point, base, max_drop) and _gains(point, base)]
    # Without a dev split the gain is unknown: take the largest share of the tuned model that keeps the floor.
    best = max(fine, key=lambda point: (-math.inf if math.isnan(point.dev) else point.dev, point.share), default=base)
    return FloorOutcome(metric, max_drop, best.share, (base, *tried, tuned))


def _keeps(point: MixResult, base: MixResult, max_drop: float) -> bool:
    return point.floor >= base.floor - max_drop  # NaN does not keep the floor


def _gains(point: MixResult, base: MixResult) -> bool:
    return math.isnan(base.dev) or point.dev > base.dev


def _without_nan(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
