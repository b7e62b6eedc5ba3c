"""Successive halving: short trials for all candidates, longer ones for the best.

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
    """A candidate that is dropped: how far it is below the best of its round, with the 95 % interval."""

    name: str
    below: float
    interval: tuple[float, float]

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"candidate": self.name, "lacks": self.below, "interval": list(self.interval)}


@dataclass(frozen=True, slots=True)
class TrialRound:
    """One round of trials.

    Attributes:
        steps: of each trial.
        values: candidate → its best value so far, before or after tuning, the best first.
        kept: candidates for the next round.
        spared: those of them that are in the lower half, but not significantly worse than the best.
        dropped: candidates that are not tried further.
        failed: candidate → why its trial failed.
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
    """Run rounds of ever longer trials and drop the weak candidates, until one is left or the rounds are over.

    After each round the better half is kept, rounded up, and so is every candidate that is not significantly worse than
    the best (the 95 % interval of the paired difference includes 0). No candidate is dropped without a trial, since
    the best untuned model is often not the best tuned one.

    Args:
        names: of the candidates.
        attempt: name and steps → the best quality of the candidate so far, or why its trial failed.
        gain: compares two results on the same queries.
        steps: of the first round.
        rounds: maximum number of rounds.
    """
    remaining, made = list(names), list[TrialRound]()
    for number in range(rounds):
        if len(remaining) < 2:
            break
        budget = steps * GROWTH**number
        shown = {name: attempt(name, budget) for name in remaining}
        failed = {name: why for name, why in shown.items() if isinstance(why, str)}
        results = {name: found for name, found in shown.items() if isinstance(found, Quality)}
        made.append(_drop(budget, results, failed, gain))
        remaining = list(made[-1].kept)
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
