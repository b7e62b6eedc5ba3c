"""Is the tuned model better, by how much, and may it be shipped?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from semtune.evaluate.differences import compare
from semtune.evaluate.scores import LABELS, Scores
from semtune.metrics import Comparison

Word = Literal["ship", "do-not-ship", "cannot-judge"]
EXIT_CODES: dict[Word, int] = {"ship": 0, "do-not-ship": 1, "cannot-judge": 2}
LEVEL = 0.05
NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, in a word, in a sentence and in numbers.

    Attributes:
        verdict: "ship", "do-not-ship" or "cannot-judge".
        sentence: the same for people, with the numbers.
        metric: the metric that decided.
        against: the name of the other system.
        gain: tuned minus other; NaN where there is none.
        interval: 95 % interval of the gain (paired bootstrap); NaNs where it cannot be judged.
        p_value: two-sided paired randomisation test; NaN where it cannot be judged.
        n: queries, or pairs of sentences.
    """

    verdict: Word
    sentence: str
    metric: str
    against: str
    gain: float
    interval: tuple[float, float]
    p_value: float
    n: int

    @property
    def exit_code(self) -> int:
        """0 ship, 1 do not ship, 2 cannot judge."""
        return EXIT_CODES[self.verdict]

    def as_dict(self) -> dict[str, Any]:
        """The JSON form; what is not a number is null."""
        return {
            "verdict": self.verdict,
            "sentence": self.sentence,
            "metric": self.metric,
            "against": self.against,
            "gain": number(self.gain),
            "interval": [number(bound) for bound in self.interval],
            "p_value": number(self.p_value),
            "n": self.n,
        }


def number(value: float) -> float | None:
    """A float for JSON, which has no NaN."""
    return float(value) if math.isfinite(value) else None


def judge(tuned: Scores, other: Scores, seed: int = 0, min_queries: int = 20) -> Verdict:
    """Judge `tuned` against another system measured on the same split.

    To ship, the 95 % interval of the gain must lie above 0 and the randomisation test give p < 0.05.

    Args:
        tuned: result of `score`.
        other: result of `score` or `score_bm25`.
        seed: of the resampling.
        min_queries: with fewer queries, or pairs, nothing is said: the bootstrap's intervals are then too
            narrow to be trusted.
    """
    gain = tuned.metrics.get(tuned.main, NAN) - other.metrics.get(tuned.main, NAN)
    reason = _hindrance(tuned, other, min_queries)
    if reason:
        sentence = f"cannot judge: {reason}"
        return Verdict("cannot-judge", sentence, tuned.main, other.model, gain, (NAN, NAN), NAN, tuned.n)
    found = compare(tuned, other, seed)
    word, sentence = _say(found, tuned)
    return Verdict(word, sentence, tuned.main, other.model, found.gain, (found.low, found.high), found.p_value, tuned.n)


def _say(found: Comparison, tuned: Scores) -> tuple[Word, str]:
    label = LABELS[tuned.main]
    unit = "pairs" if tuned.kind == "similarity" else "queries"
    digits = _digits(found)
    low, high = (f"{bound:{'+' if found.low < 0 else ''}.{digits}f}" for bound in (found.low, found.high))
    numbers = f"{found.gain:+.{digits}f} [{low}, {high}] (p = {found.p_value:.4f}, {tuned.n} {unit})"
    sure = found.p_value < LEVEL
    if sure and found.low > 0:
        return "ship", f"ship: {label} is better by {numbers}"
    if sure and found.high < 0:
        return "do-not-ship", f"do not ship: {label} is worse by {numbers}"
    return "do-not-ship", f"do not ship: no significant gain in {label}: {numbers}"


def _digits(found: Comparison) -> int:
    """Three decimals, or more where a bound that decides would be shown as 0."""
    nearest = min(abs(found.low), abs(found.high))
    return next((digits for digits in range(3, 6) if round(nearest, digits) or not nearest), 6)


def _hindrance(tuned: Scores, other: Scores, min_queries: int) -> str:
    """Why no comparison can be made, in words; empty if it can."""
    return _apart(tuned, other) or _broken(tuned) or _broken(other) or _too_few(tuned, min_queries)


def _apart(tuned: Scores, other: Scores) -> str:
    if tuned.kind != other.kind:
        return f"{tuned.model} was measured on {tuned.kind}, {other.model} on {other.kind}."
    same = tuned.query_ids == other.query_ids and np.array_equal(tuned.gold, other.gold)
    if not same or tuned.counts.get("documents") != other.counts.get("documents"):
        return f"{tuned.model} and {other.model} were measured on different data. Measure both on the same split."
    return ""


def _broken(scores: Scores) -> str:
    if scores.not_finite:
        return f"{scores.model} gave vectors with NaN for {scores.not_finite} texts. Its weights are broken."
    if scores.kind == "similarity" and np.ptp(scores.gold) == 0:
        return "all pairs have the same gold score, so there is nothing to correlate with."
    if _constant(scores):
        return f"{scores.model} gives every text the same score: its vectors have collapsed."
    if not math.isfinite(scores.metrics[scores.main]):
        return f"{LABELS[scores.main]} of {scores.model} is not a number."
    return ""


def _constant(scores: Scores) -> bool:
    if scores.kind == "similarity":
        return bool(np.ptp(scores.similarities) < 1e-9)  # NaN compares as false
    spreads = [max(row.values()) - min(row.values()) for row in scores.run.values() if len(row) > 1]
    return bool(spreads) and max(spreads) < 1e-6


def _too_few(scores: Scores, min_queries: int) -> str:
    if scores.n >= min_queries:
        return ""
    unit = "pairs" if scores.kind == "similarity" else "queries"
    return f"{scores.n} {unit} are too few, at least {min_queries} are needed. Label more of them."
