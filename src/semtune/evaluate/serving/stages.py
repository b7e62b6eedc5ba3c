"""The metric at each stage of serving: torch, the exported graph, the quantised graph, and the index.

Each stage is measured on the same split and compared, query by query, with the stage before it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from semtune.encoders.speed import Latency
from semtune.evaluate.result import Scores, label
from semtune.evaluate.verdict.differences import compare_scores
from semtune.metrics import Comparison

TORCH, FP32, OPENVINO, INT8, INDEX = "torch", "onnx fp32", "openvino", "onnx int8", "index"
MARGIN = 0.005  # a stage may cost this much: the interval of the loss must be below
MIN_ITEMS = 20  # with fewer queries or pairs the interval is unreliable


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """The measurements of one stage.

    Attributes:
        name: `TORCH`, `FP32`, `OPENVINO`, `INT8`, `INDEX` or "static".
        scores: its result.
        against: the stage it is compared with; empty for the first.
        change: this stage minus the other; None for the first, and if a metric is not a number.
        texts_per_second: in bulk; NaN for an index, which encodes nothing itself.
        latency: of one query, encoded alone; for the index, encoded and searched.
        bytes: of the weights, the graph or the index on disk; None for a server.
        detail: the type of an index; else empty.
    """

    name: str
    scores: Scores
    against: str
    change: Comparison | None
    texts_per_second: float
    latency: Latency
    bytes: int | None
    detail: str = ""

    @property
    def value(self) -> float:
        """The main metric."""
        return self.scores.metrics[self.scores.main]

    @property
    def keeps(self) -> bool:
        """Whether it demonstrably costs at most `MARGIN`."""
        known = self.change is not None and self.scores.n >= MIN_ITEMS
        return known and self.change is not None and self.change.low >= -MARGIN

    def as_dict(self) -> dict[str, Any]:
        """The JSON form; what is not a number is null."""
        change = self.change
        return {
            "stage": self.name,
            "metric": self.scores.main,
            "value": _number(self.value),
            "against": self.against or None,
            "change": _number(change.gain) if change else None,
            "interval": [_number(change.low), _number(change.high)] if change else None,
            "texts_per_second": _number(self.texts_per_second),
            "ms_per_query": {"p50": self.latency.p50, "p95": self.latency.p95},
            "bytes": self.bytes,
            "runtime": self.scores.runtime,
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Stages:
    """The existing stages in order, and why others are missing."""

    rows: Sequence[Stage]
    missing: Mapping[str, str]

    @property
    def sentences(self) -> list[str]:
        """One sentence for each stage that is compared with another."""
        by_name = {row.name: row for row in self.rows}
        return [stage_sentence(row, by_name[row.against]) for row in self.rows if row.against in by_name]

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "rows": [row.as_dict() for row in self.rows],
            "missing": dict(self.missing),
            "sentences": self.sentences,
        }


def change(now: Scores, before: Scores, seed: int) -> Comparison | None:
    """The paired comparison of two stages; None if a metric is not a number."""
    if not (math.isfinite(now.metrics[now.main]) and math.isfinite(before.metrics[before.main])):
        return None
    return compare_scores(now, before, seed)


def stage_sentence(stage: Stage, before: Stage) -> str:
    """What a stage costs; for int8 also whether to use it."""
    metric, who = (
        label(stage.scores.main),
        {INT8: "int8", INDEX: "the index", OPENVINO: "OpenVINO"}.get(stage.name, f"the {stage.name} graph"),
    )
    if stage.change is None:
        return f"{who} cannot be compared: a metric is not a number."
    cost, low, high = (0.0 - value for value in (stage.change.gain, stage.change.high, stage.change.low))  # no "-0.000"
    numbers = (
        f"{abs(cost):.3f} {metric} [{low:.3f}, {high:.3f}]"
        if cost > 0
        else f"nothing in {metric} [{low:.3f}, {high:.3f}]"
    )
    return f"{who} costs {numbers}{_advice(stage, before)}"


def _advice(stage: Stage, before: Stage) -> str:
    if stage.name != INT8:
        return "."
    if stage.keeps:
        times = stage.texts_per_second / before.texts_per_second
        part = stage.bytes / before.bytes if stage.bytes and before.bytes else math.nan
        return (
            f": it keeps the metric, at {times:.1f} times the speed and {part:.0%} of the size. Use it with "
            "--runtime onnx-int8."
        )
    if stage.scores.n < MIN_ITEMS:
        return f": {stage.scores.n} {stage.scores.unit(stage.scores.n)} are too few to decide; use fp32."
    assert stage.change is not None  # noqa: S101 - checked by the caller
    known = stage.change.high < 0
    return ": use fp32." if known else f": a loss above {MARGIN} cannot be ruled out; use fp32."


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
