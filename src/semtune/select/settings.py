"""The settings of select, and the limits for candidates."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from semtune.settings import Settings, split_words


@dataclass(frozen=True, slots=True)
class ServingLimits:
    """Limits for the model to be served; None: no limit.

    Attributes:
        latency_ms: maximum p95 latency of one query.
        dim: maximum dimensions of the vectors.
        memory_mb: maximum peak memory that the model adds to a process.
        index_mb: maximum size of a million vectors in an exact fp32 index.
    """

    latency_ms: float | None = None
    dim: int | None = None
    memory_mb: float | None = None
    index_mb: float | None = None

    def given(self) -> dict[str, float]:
        """The limits that are set."""
        return {name: value for name, value in asdict(self).items() if value is not None}


Limit = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class SelectSettings(Settings):
    """select: find the backbone to tune; a step of runs with candidates."""

    candidates: Annotated[tuple[str, ...], BeforeValidator(split_words)] = Field(
        (), description="names, hub ids or folders; the recommended one replaces `model`"
    )
    max_latency_ms: Limit | None = Field(None, description="maximum p95 latency of one query, in ms; null: no limit")
    max_dim: int | None = Field(None, ge=1, description="maximum dimensions of the vectors; null: no limit")
    max_memory: Limit | None = Field(
        None, description="maximum MB that the model adds to a process at its peak; null: no limit"
    )
    max_index: Limit | None = Field(
        None, description="maximum MB of a million vectors in an exact index; null: no limit"
    )
    steps: int = Field(
        32, ge=0, description="training steps in the first round of trials, doubled in each round; 0: no trials"
    )
    rounds: int = Field(3, ge=1, description="maximum rounds of trials")
    max_queries: int = Field(1_000, ge=2, description="maximum number of dev queries or pairs")
    max_passages: int = Field(
        1_000, ge=1, description="maximum number of passages to search, including the relevant ones"
    )
    dims: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (384, 256, 128, 64), description="dimensions to try for the recommended candidate"
    )
    runtime: Literal["auto", "onnx", "onnx-int8", "torch"] = Field(
        "auto",
        description="runtime for measuring speed and memory; auto: onnx, or torch if the model cannot be exported",
    )

    @property
    def limits(self) -> ServingLimits:
        """The limits for the recommended candidate."""
        return ServingLimits(self.max_latency_ms, self.max_dim, self.max_memory, self.max_index)

    def facts(self) -> dict[str, Any]:
        """The settings as JSON values, for the report."""
        return self.model_dump(mode="json", exclude={"candidates"})
