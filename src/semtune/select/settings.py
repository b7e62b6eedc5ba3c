"""The settings of select, and the limits that a candidate has to keep to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from semtune.settings import Settings, split_words


@dataclass(frozen=True, slots=True)
class ServingLimits:
    """What may be served; None: no limit.

    Attributes:
        latency_ms: maximum p95 latency of one query.
        dim: of the vectors.
        memory_mb: what the model adds to a process at its peak.
        index_mb: a million vectors in an exact fp32 index.
    """

    latency_ms: float | None = None
    dim: int | None = None
    memory_mb: float | None = None
    index_mb: float | None = None

    def given(self) -> dict[str, float]:
        """Those that are set."""
        return {name: value for name, value in asdict(self).items() if value is not None}


Limit = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class SelectSettings(Settings):
    """select: which backbone is to be tuned; a step of runs that name candidates."""

    candidates: Annotated[tuple[str, ...], BeforeValidator(split_words)] = Field(
        (), description="names, hub ids or folders; the recommended one takes the place of `model`"
    )
    max_latency_ms: Limit | None = Field(None, description="maximum p95 latency of one query, in ms; null: no limit")
    max_dim: int | None = Field(None, ge=1, description="maximum dimensions of the vectors; null: no limit")
    max_memory: Limit | None = Field(
        None, description="maximum MB that the model adds to a process at its peak; null: no limit"
    )
    max_index: Limit | None = Field(
        None, description="maximum MB of a million vectors in an exact index; null: no limit"
    )
    steps: int = Field(32, ge=0, description="of the first round of trials, doubled each round; 0: no trials")
    rounds: int = Field(3, ge=1, description="maximum rounds of trials")
    max_queries: int = Field(1_000, ge=2, description="maximum dev queries or pairs that are judged")
    max_passages: int = Field(1_000, ge=1, description="passages they are searched among, the judged ones and others")
    dims: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (384, 256, 128, 64), description="dimensions that the recommended one is cut to"
    )
    runtime: Literal["auto", "onnx", "onnx-int8", "torch"] = Field(
        "auto", description="what speed and memory are measured on; auto: onnx, and torch where no graph can be made"
    )

    @property
    def limits(self) -> ServingLimits:
        """What a recommendation has to keep to."""
        return ServingLimits(self.max_latency_ms, self.max_dim, self.max_memory, self.max_index)

    def facts(self) -> dict[str, Any]:
        """The settings as JSON, for the report."""
        return self.model_dump(mode="json", exclude={"candidates"})
