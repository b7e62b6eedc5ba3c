"""How good a candidate is on the dev split, and how two results compare."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from semtune.metrics import Comparison
from semtune.protocols import Encoder

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Quality:
    """One model's result.

    Attributes:
        value: the main metric; NaN where it cannot be had.
        low, high: its 95 % bootstrap interval.
        each: (n,) the metric of each query, or the cosine of each pair.
    """

    value: float
    low: float
    high: float
    each: Values

    def as_dict(self) -> dict[str, Any]:
        """The JSON form without the single values."""
        return {"value": self.value, "interval": [self.low, self.high]}

    def whole(self) -> dict[str, Any]:
        """The JSON form to come back from with `of`."""
        return {"value": self.value, "low": self.low, "high": self.high, "each": self.each.tolist()}

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Quality:
        """Read what `whole` gave."""
        return cls(values["value"], values["low"], values["high"], np.array(values["each"], dtype=np.float64))


class Evaluator(Protocol):
    """Measures encoders on one dev part; what evaluates is not this room's matter.

    Attributes:
        metric, label: its name, "ndcg@10", and what people call it, "nDCG@10".
        unit: what is counted, "queries" or "pairs".
        n: how many.
    """

    metric: str
    label: str
    unit: str
    n: int

    def __call__(self, encoder: Encoder) -> Quality:
        """Measure an encoder."""
        ...

    def gain(self, a: Quality, b: Quality) -> Comparison:
        """What `a` has more than `b` on the same items, with the 95 % interval of a paired bootstrap."""
        ...


class TrialTools(Protocol):
    """What the rooms that judge, train and export do for a choice."""

    @property
    def evaluator(self) -> Evaluator:
        """Measures quality."""
        ...

    @property
    def training(self) -> str:
        """All that the result of a trial depends on besides model, data and steps."""
        ...

    def open(self, folder: Path) -> Encoder:
        """Open a model to judge it."""
        ...

    def serve(self, folder: Path) -> Callable[[], Encoder]:
        """Get a model ready for the runtime whose speed is asked for; returns what opens it there."""
        ...

    def train(self, folder: Path, name: str, steps: int, work: Path) -> Path:
        """Tune a model with so many steps; returns the folder of the tuned one, in `work`. If it is there, it is taken."""
        ...
