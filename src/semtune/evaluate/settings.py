"""The settings of evaluate: what is measured, and what is asked of a model before it may be shipped."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from semtune.settings import Settings
from semtune.types import Task

THRESHOLDS = {"alpha", "min_gain", "min_queries", "min_metric", "max_drop", "max_slice_drop", "noise"}


class EvaluateSettings(Settings):
    """evaluate: tuned against base and BM25 on the held-out part."""

    task: Task | Literal[""] = Field(
        "", description="what to judge by where the data allows several, e.g. pairs; empty: what its shape says"
    )
    at: tuple[Annotated[int, Field(ge=1, le=1000)], ...] = Field(
        (), description="the k of retrieval's metrics, e.g. [1, 3, 10]; empty: the usual ones"
    )
    bm25: bool = Field(True, description="compare with BM25 too")
    min_queries: int = Field(20, ge=2, description="fewer test queries than this: 'cannot judge'")
    alpha: float = Field(
        0.01, gt=0, le=0.05, description="a difference is believed if its p-value, corrected for several, is below"
    )
    noise: float = Field(
        0.005,
        ge=0,
        lt=1,
        description="a difference up to this may come from the training seed alone and decides nothing",
    )
    min_gain: float = Field(0.0, ge=0, lt=1, description="the least gain that is worth shipping; 0: any real one")
    min_metric: float | None = Field(
        None, ge=0, le=1, description="a bar that the metric itself must reach, e.g. 0.8 for Spearman; null: none"
    )
    max_slice_drop: float | None = Field(
        None, ge=0, le=1, description="the most a slice that got worse may lose; null: it is only named"
    )
    general: str = Field(
        "", description="general text to see what was forgotten: a table of scored pairs, a data set; empty: none"
    )
    max_drop: float = Field(0.01, ge=0, le=1, description="the most the metric on general text may lose")
    calibrate: bool = Field(
        True, description="measure what a score means on the dev part, and give the exported model its thresholds"
    )
    gate: bool = Field(False, description="stop the run, with exit code 1 or 2, unless the verdict is 'ship'")

    def thresholds(self) -> dict[str, Any]:
        """What the verdict depends on, as JSON values."""
        return self.model_dump(mode="json", include=THRESHOLDS)
