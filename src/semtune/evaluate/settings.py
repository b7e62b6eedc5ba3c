"""The settings of evaluate: what is measured, and what a model must reach to be shipped."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from semtune.settings import Settings
from semtune.types import Task

THRESHOLDS = {
    "alpha",
    "min_gain",
    "min_queries",
    "min_metric",
    "max_drop",
    "max_slice_drop",
    "noise",
    "trust_made_questions",
}


class EvaluateSettings(Settings):
    """evaluate: compare the tuned model with the base and BM25 on held-out data."""

    task: Task | Literal[""] = Field(
        "", description="task to evaluate if the data allows several, e.g. pairs; empty: the first one that fits"
    )
    at: tuple[Annotated[int, Field(ge=1, le=1000)], ...] = Field(
        (), description="the k of retrieval metrics, e.g. [1, 3, 10]; empty: the defaults"
    )
    bm25: bool = Field(True, description="also compare with BM25")
    min_queries: int = Field(
        20, ge=2, description="minimum number of test queries; with fewer the verdict is 'cannot judge'"
    )
    alpha: float = Field(
        0.01, gt=0, le=0.05, description="significance level for p-values, corrected for multiple comparisons"
    )
    noise: float = Field(
        0.005,
        ge=0,
        lt=1,
        description="differences up to this can come from the training seed alone and do not decide",
    )
    min_gain: float = Field(0.0, ge=0, lt=1, description="minimum gain worth shipping; 0: any significant gain")
    min_metric: float | None = Field(
        None, ge=0, le=1, description="minimum value of the metric itself, e.g. 0.8 for Spearman; null: none"
    )
    max_slice_drop: float | None = Field(
        None, ge=0, le=1, description="maximum drop of a slice that got worse; null: it is only reported"
    )
    general: str = Field(
        "", description="general text for measuring forgetting: a table of scored pairs or a data set; empty: none"
    )
    max_drop: float = Field(0.01, ge=0, le=1, description="maximum drop of the metric on general text")
    calibrate: bool = Field(
        True,
        description="measure score thresholds and probabilities on the dev split and store them in the exported model",
    )
    trust_made_questions: bool = Field(
        False, description="allow 'ship' on test questions made from the documents; else the verdict is 'promising'"
    )
    gate: bool = Field(
        False, description="stop the run with exit code 1 or 2 if the verdict is 'do not ship' or 'cannot judge'"
    )

    def thresholds(self) -> dict[str, Any]:
        """What the verdict depends on, as JSON values."""
        return self.model_dump(mode="json", include=THRESHOLDS)
