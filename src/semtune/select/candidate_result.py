"""A candidate with everything that was found out about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from semtune.select.candidates import Candidate
from semtune.select.cost import ServingCost, index_mb
from semtune.select.quality import Quality
from semtune.select.tokenizer_fit import TokenizerFit


@dataclass(frozen=True, slots=True)
class Trial:
    """A short training: its steps, what it came to, and how long it took."""

    steps: int
    quality: Quality
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"steps": self.steps, **self.quality.as_dict(), "seconds": self.seconds}


@dataclass(slots=True)
class CandidateResult:
    """One candidate's line of the table.

    Attributes:
        candidate: who it is.
        untouched: its result as it came.
        fit: its tokenizer on the texts; None where it has no fast one.
        cost: its speed and memory.
        over: limits that it breaks, in words; such a one is not tried.
        trials: short trainings, the longest last.
        failed: why a trial came to nothing; empty if none did.
        status: how far it came, in words.
        on_front: whether no other is both better and faster.
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
        """The result of the longest trial."""
        return self.trials[-1].quality if self.trials else None

    @property
    def best(self) -> Quality:
        """The best it has shown, untouched or tuned: training keeps the base where nothing is gained."""
        shown = [self.untouched, *(trial.quality for trial in self.trials)]
        finite = [quality for quality in shown if quality.value == quality.value]  # NaN is not equal to itself
        return max(finite, key=lambda quality: quality.value, default=self.untouched)

    @property
    def best_steps(self) -> int:
        """Of the trial that showed the best; 0: untouched."""
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
