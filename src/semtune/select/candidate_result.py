"""A candidate with all its measurements."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from semtune.select.candidates import Candidate
from semtune.select.cost import ServingCost, index_mb
from semtune.select.quality import Quality
from semtune.select.tokenizer_fit import TokenizerFit


@dataclass(frozen=True, slots=True)
class Trial:
    """A short training: its steps, its result and its duration."""

    steps: int
    quality: Quality
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"steps": self.steps, **self.quality.as_dict(), "seconds": self.seconds}


@dataclass(slots=True)
class CandidateResult:
    """The measurements of one candidate.

    Attributes:
        candidate: the model.
        untouched: its quality before tuning.
        fit: of its tokenizer on the texts; None if it has no fast tokenizer.
        cost: its speed and memory.
        over: the limits that it exceeds, in words; if any, it is not tried.
        trials: short trainings, the longest last.
        failed: why a trial failed; empty if none did.
        status: how far it came, in words.
        on_front: whether it is on the Pareto front of quality and speed.
    """

    candidate: Candidate
    untouched: Quality
    fit: TokenizerFit | None
    cost: ServingCost
    over: list[str] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    failed: str = ""
    status: str = ""
    on_front: bool = False

    @property
    def tuned(self) -> Quality | None:
        """The quality after the longest trial; None without trials."""
        return self.trials[-1].quality if self.trials else None

    @property
    def best(self) -> Quality:
        """The best quality, before or after tuning; training keeps the base if it gains nothing."""
        shown = [self.untouched, *(trial.quality for trial in self.trials)]
        finite = [quality for quality in shown if quality.value == quality.value]  # NaN is not equal to itself
        return max(finite, key=lambda quality: quality.value, default=self.untouched)

    @property
    def best_steps(self) -> int:
        """Steps of the trial with the best quality; 0: before tuning."""
        return next((trial.steps for trial in self.trials if trial.quality is self.best), 0)

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        one, contract = self.candidate, self.candidate.contract
        return {
            "candidate": one.asked,
            "name": one.name,
            "status": self.status,
            "untouched": self.untouched.as_dict(),
            "tuned": self.trials[-1].as_dict() if self.trials else None,
            "best": {**self.best.as_dict(), "steps": self.best_steps},
            "trials": [trial.as_dict() for trial in self.trials],
            "failed": self.failed or None,
            "over_limits": self.over,
            "on_front": self.on_front,
            "fit": self.fit.as_dict() if self.fit else None,
            "cost": {
                **self.cost.as_dict(),
                "weights_mb": one.weights_bytes / 1e6,
                "index_mb_per_million": index_mb(contract.dimension),
            },
            "dimension": contract.dimension,
            "parameters": one.parameters,
            "max_length": one.max_length,
            "prompts": dict(contract.prompts),
            "licence": one.licence or None,
            "languages": list(one.entry.languages) if one.entry else [],
            "domain": one.entry.domain if one.entry else None,
            "note": one.note or None,
            "fingerprint": contract.fingerprint,
        }
