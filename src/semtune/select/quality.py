"""The quality of a candidate on the dev split, and the interfaces of what measures it."""

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
    """The quality of one model.

    Attributes:
        value: the main metric; NaN if it cannot be computed.
        low, high: its 95 % bootstrap interval.
        each: (n,) metric of each query, or cosine of each pair.
    """

    value: float
    low: float
    high: float
    each: Values

    def as_dict(self) -> dict[str, Any]:
        """The JSON form without `each`."""
        return {"value": self.value, "interval": [self.low, self.high]}

    def to_json(self) -> dict[str, Any]:
        """The complete JSON form, for `from_json`."""
        return {"value": self.value, "low": self.low, "high": self.high, "each": self.each.tolist()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Quality:
        """Read the result of `to_json`."""
        return cls(values["value"], values["low"], values["high"], np.array(values["each"], dtype=np.float64))


class Evaluator(Protocol):
    """Measures the quality of encoders on one dev sample.

    Attributes:
        metric, label: the metric's name, "ndcg@10", and its name for people, "nDCG@10".
        unit: "queries" or "pairs".
        n: their number.
    """

    metric: str
    label: str
    unit: str
    n: int

    def __call__(self, encoder: Encoder) -> Quality:
        """Measure an encoder."""
        ...

    def gain(self, a: Quality, b: Quality) -> Comparison:
        """Difference of `a` to `b` on the same items, with the 95 % interval of a paired bootstrap."""
        ...


class TrialTools(Protocol):
    """Evaluates, opens, exports and trains models for a selection."""

    @property
    def evaluator(self) -> Evaluator:
        """Measures quality."""
        ...

    @property
    def training(self) -> str:
        """Everything that the result of a trial depends on besides model, data and steps."""
        ...

    def open(self, folder: Path) -> Encoder:
        """Open a model to measure its quality."""
        ...

    def serve(self, folder: Path) -> Callable[[], Encoder]:
        """Prepare a model for the runtime whose speed is measured; returns a function that opens it."""
        ...

    def train(self, folder: Path, name: str, steps: int, work: Path) -> Path:
        """Tune a model for `steps` steps; returns the folder of the tuned model in `work`, which is reused."""
        ...
