"""What can be set about a choice, and the limits that a candidate has to keep to."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from semtune.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be served; None: no limit.

    Attributes:
        latency_ms: that 95 % of the queries, asked alone, stay under.
        dim: of the vectors.
        memory_mb: what the model adds to a process at its peak.
        index_mb: a million vectors in an exact fp32 index.
    """

    latency_ms: float | None = None
    dim: int | None = None
    memory_mb: float | None = None
    index_mb: float | None = None

    def check(self) -> None:
        """Refuse limits that nothing can keep to.

        Raises:
            ConfigError: one is not above 0.
        """
        for name, value in asdict(self).items():
            if value is not None and not value > 0:
                raise ConfigError(f"The limit {name} is {value}; allowed is a number above 0, or none.")

    def given(self) -> dict[str, float]:
        """Those that are set."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class SelectSettings:
    """How candidates are measured and tried.

    Attributes:
        limits: what a recommendation has to keep to.
        steps: optimiser steps of the first round of trials; each further round has twice as many; 0: no trials.
        rounds: of trials, at most.
        max_queries: dev queries, or scored pairs, that are judged, drawn by the seed.
        max_passages: passages they are searched among: the judged ones and, up to this many, others.
        dims: dimensions that the recommended one's vectors are cut to.
        runtime: what speed and memory are measured on; "auto" is what an exported model is served with.
        seed: of all that is drawn, and of the trials.
    """

    limits: Limits = field(default_factory=Limits)
    steps: int = 32
    rounds: int = 3
    max_queries: int = 1_000
    max_passages: int = 1_000
    dims: tuple[int, ...] = (384, 256, 128, 64)
    runtime: str = "auto"
    seed: int = 13

    def check(self) -> None:
        """Refuse values that make no sense.

        Raises:
            ConfigError: with what is allowed.
        """
        self.limits.check()
        least = {"steps": 0, "rounds": 1, "max_queries": 2, "max_passages": 1}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise ConfigError(f"{name.replace('_', '-')} is {getattr(self, name)}; allowed is {bound} or more.")
        if any(dim < 1 for dim in self.dims):
            raise ConfigError(f"dims are {list(self.dims)}; allowed are numbers above 0.")

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)
