"""How many more questions the paired test of tuned and base needs, from how much their differences vary so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from semtune.evaluate.settings import EvaluateSettings
from semtune.metrics.significance import NORMAL, detectable, needed, standard_error

FEWEST = 5  # differences; the spread of fewer says nothing
LIMITS = EvaluateSettings()


@dataclass(frozen=True, slots=True)
class Needed:
    """How many more questions are needed.

    Attributes:
        more: number of further questions; 0 if there are enough; None if it cannot be estimated.
        judged: number of questions with an answer graded above 0, which are those that count.
        total: number of such questions needed; None if it cannot be estimated.
        low, high: 95 % interval of `total`: the spread of few differences is itself uncertain.
        spread: standard deviation of nDCG@10 of tuned minus base; None without a base.
        difference: what the test should find, with a probability of 80 %.
        sentence: all of it for people.
    """

    more: int | None
    judged: int
    total: int | None
    low: int | None
    high: int | None
    spread: float | None
    difference: float
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {**asdict(self), "alpha": LIMITS.alpha, "power": 0.8, "min_queries": LIMITS.min_queries}


def questions_needed(differences: Sequence[float] | None, judged: int, wanted: float) -> Needed:
    """How many questions the paired test needs to find a difference of `wanted`.

    The size of the gain that was seen plays no part: who stops when it looks good deceives himself.

    Args:
        differences: (judged,) of the metric, tuned minus base; None: there is no base.
        judged: number of questions with an answer.
        wanted: the difference to find.
    """
    least = LIMITS.min_queries
    missing = max(0, least - judged)
    if differences is None:
        return _at_least(missing, judged, wanted, "There is no base to compare with, so more cannot be said.")
    if judged < FEWEST:
        said = f"How many more it takes can be estimated from {FEWEST} judged questions on."
        return _at_least(missing, judged, wanted, said)
    values = np.asarray(differences, dtype=np.float64)
    spread = float(values.std(ddof=1))
    if spread == 0:
        said = "So far tuned and base score alike on every question, so more cannot be said."
        return _at_least(missing, judged, wanted, said, spread)
    seen = detectable(standard_error(values), LIMITS.alpha)
    total = max(least, needed(judged, seen, wanted))
    low, high = (max(least, math.ceil(needed(judged, seen, wanted) * factor)) for factor in _uncertainty(judged))
    more = max(0, total - judged)
    rough = f" (somewhere from {low:,} to {high:,})" if low < high else ""
    have = f"{_questions(judged)} with an answer"
    want = f"to find a difference of {wanted:g} in nDCG@10, about {total:,} are needed{rough}"
    last = f": {more:,} more." if more else ". That is enough."
    return Needed(more, judged, total, low, high, spread, wanted, f"{have}; {want}{last}")


def _at_least(missing: int, judged: int, wanted: float, said: str, spread: float | None = None) -> Needed:
    """What can be said without an estimate: the verdict needs a minimum."""
    first = f"{_questions(judged)} with an answer; a verdict needs at least {LIMITS.min_queries}"
    sentence = f"{first}: {missing:,} more. {said}" if missing else f"{first}. {said}"
    return Needed(missing or None, judged, None, None, None, spread, wanted, sentence)


def _uncertainty(n: int) -> tuple[float, float]:
    """Factors from the number of questions estimated to the ends of its 95 % interval: those of a variance."""
    return (n - 1) / _chi_squared(0.975, n - 1), (n - 1) / _chi_squared(0.025, n - 1)


def _chi_squared(share: float, freedom: int) -> float:
    """Quantile of the chi-squared distribution (Wilson & Hilferty 1931)."""
    part = 2 / (9 * freedom)
    return freedom * (1 - part + NORMAL.inv_cdf(share) * math.sqrt(part)) ** 3


def _questions(count: int) -> str:
    return f"{count:,} judged question{'' if count == 1 else 's'}"
