"""What is asked of a model before it may be shipped; the thresholds of the config's `evaluate` section."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The gate's thresholds.

    Attributes:
        alpha: a difference is believed if its p-value, corrected for several comparisons, is below.
        noise: a difference up to this may come of the seed of a training alone, however many queries see it.
        min_gain: the gain that makes shipping worth while; 0: any that is real.
        min_queries: with fewer queries, or pairs, nothing is said.
        min_metric: the bar that the metric itself must reach; None: no bar.
        max_drop: what the metric on general text may lose.
        max_slice_drop: what a slice that got significantly worse may lose; None: it is named, and no more.
    """

    alpha: float = 0.01
    min_gain: float = 0.0
    min_queries: int = 20
    min_metric: float | None = None
    max_drop: float = 0.01
    max_slice_drop: float | None = None
    noise: float = 0.005
