"""Successive halving: short trials for all, longer ones for those that are still in question.

Jamieson & Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter optimization".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from semtune.metrics import Comparison
from semtune.select.quality import Quality

GROWTH = 2


@dataclass(frozen=True, slots=True)
class DroppedCandidate:
    """A candidate that is not tried further: what it lacks to the best of its round, with the 95 % interval."""

    name: str
    lacks: float
    interval: tuple[float, float]

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"candidate": self.name, "lacks": self.lacks, "interval": list(self.interval)}


@dataclass(frozen=True, slots=True)
class TrialRound:
    """One round of trials.

    Attributes:
        steps: of each trial.
        values: candidate → the best it has shown so far, untouched or tuned, the best first.
        kept: who goes on.
        spared: those of them below the middle who could not be told from the best.
        dropped: who does not.
        failed: candidate → why its trial came to nothing.
    """

    steps: int
    values: Mapping[str, float]
    kept: tuple[str, ...]
    spared: tuple[str, ...]
    dropped: tuple[DroppedCandidate, ...]
    failed: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "steps": self.steps, "values": dict(self.values), "kept": list(self.kept), "spared": list(self.spared),
            "dropped": [drop.as_dict() for drop in self.dropped], "failed": dict(self.failed),
        }  # fmt: skip


def halve(
    names: Sequence[str],
    attempt: Callable[[str, int], Quality | str],
    gain: Callable[[Quality, Quality], Comparison],
    steps: int,
    rounds: int,
) -> list[TrialRound]:
    """Try, drop the weak, try longer, until one is left or the rounds are over.

    After each round the better half stays, rounded up, and so does whoever cannot be told from the best: where the
    95 % interval of the paired difference reaches 0, dropping would be a guess. Nobody is dropped untried, since the
    best untouched model is often not the best tuned one.

    Args:
        names: of the candidates.
        attempt: name and steps → the best that the candidate has shown so far, or why it cannot be tried.
        gain: of one result over another on the same queries.
        steps: of the first round.
        rounds: at most.
    """
    field, made = list(names), list[TrialRound]()
    for number in range(rounds):
        if len(field) < 2:
            break
        budget = steps * GROWTH**number
        shown = {name: attempt(name, budget) for name in field}
        failed = {name: why for name, why in shown.items() if isinstance(why, str)}
        results = {name: found for name, found in shown.items() if isinstance(found, Quality)}
        made.append(_drop(budget, results, failed, gain))
        field = list(made[-1].kept)
    return made


def _drop(
    steps: int,
    results: Mapping[str, Quality],
    failed: Mapping[str, str],
    gain: Callable[[Quality, Quality], Comparison],
) -> TrialRound:
    order = sorted(results, key=lambda name: (-results[name].value, name))
    half = math.ceil(len(order) / 2)
    kept, spared, dropped = order[:half], list[str](), list[DroppedCandidate]()
    for name in order[half:]:
        found = gain(results[order[0]], results[name])
        if found.low > 0:
            dropped.append(DroppedCandidate(name, found.gain, (found.low, found.high)))
        else:
            spared.append(name)
    values = {name: results[name].value for name in order}
    return TrialRound(steps, values, tuple(kept + spared), tuple(spared), tuple(dropped), failed)
