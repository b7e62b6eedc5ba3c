"""Is the tuned model better, by how much, and may it be shipped? Why the rule is as it is: docs/adr/0005."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from semtune.evaluate.result import STATISTICS, Scores, label
from semtune.evaluate.settings import EvaluateSettings
from semtune.evaluate.verdict.differences import compare_scores
from semtune.metrics import Comparison
from semtune.metrics.significance import detectable, error_of_interval, holm

Word = Literal["ship", "do-not-ship", "cannot-judge"]
EXIT_CODES: dict[Word, int] = {"ship": 0, "do-not-ship": 1, "cannot-judge": 2}
NAN = float("nan")
DEFAULT = EvaluateSettings()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, in a word, in a sentence and in numbers.

    Attributes:
        verdict: "ship", "do-not-ship" or "cannot-judge".
        sentence: the same for people, with the numbers.
        metric: the metric that decided.
        against: the name of the other system; empty where the model was held to a bar alone.
        gain: tuned minus other; NaN where there is none.
        interval: 95 % interval of the gain (paired bootstrap); NaNs where it cannot be judged.
        p_value: two-sided paired randomisation test; NaN where it cannot be judged.
        n: queries, or pairs of sentences.
        p_corrected: the p-value after Holm's correction for the comparisons made beside this one.
        detectable: the smallest difference that this test sees with a chance of 80 %; NaN where it is not known.
    """

    verdict: Word
    sentence: str
    metric: str
    against: str
    gain: float
    interval: tuple[float, float]
    p_value: float
    n: int
    p_corrected: float = NAN
    detectable: float = NAN

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
            "gain": json_number(self.gain),
            "interval": [json_number(bound) for bound in self.interval],
            "p_value": json_number(self.p_value),
            "p_corrected": json_number(self.p_corrected),
            "detectable": json_number(self.detectable),
            "n": self.n,
        }


def json_number(value: float) -> float | None:
    """A float for JSON, which has no NaN."""
    return float(value) if math.isfinite(value) else None


def judge(tuned: Scores, other: Scores, seed: int = 0, limits: EvaluateSettings = DEFAULT) -> Verdict:
    """Judge `tuned` against one other system measured on the same split; see `judge_all`."""
    return judge_all({"other": (tuned, other)}, seed, limits)["other"]


def judge_all(
    sides: Mapping[str, tuple[Scores, Scores]], seed: int = 0, limits: EvaluateSettings = DEFAULT
) -> dict[str, Verdict]:
    """Judge several pairs of systems, the p-values corrected for there being several.

    "ship": the 95 % interval of the gain lies above `min_gain` and `noise`, and the paired randomisation test is below
    `alpha`. "do-not-ship": so much worse, or the interval lies below a `min_gain` above 0. Else "cannot-judge": a
    difference that matters may be there, and the test does not show it.

    Args:
        sides: name → the system that is judged and the other one, both results of `score` or its like.
        seed: of the resampling.
        limits: the thresholds.
    """
    hindrances = {name: _hindrance(tuned, other, limits.min_queries) for name, (tuned, other) in sides.items()}
    found = {name: compare_scores(*both, seed) for name, both in sides.items() if not hindrances[name]}
    corrected = dict(zip(found, holm([each.p_value for each in found.values()]), strict=True))
    return {
        name: _decide(found[name], corrected[name], len(found), tuned, other.model, limits)
        if name in found
        else _hindered(hindrances[name], tuned, other)
        for name, (tuned, other) in sides.items()
    }


def _hindered(reason: str, tuned: Scores, other: Scores) -> Verdict:
    gain = tuned.metrics.get(tuned.main, NAN) - other.metrics.get(tuned.main, NAN)
    sentence = f"cannot judge: {reason}"
    return Verdict("cannot-judge", sentence, tuned.main, other.model, gain, (NAN, NAN), NAN, tuned.n)


def _decide(
    found: Comparison, corrected: float, tests: int, tuned: Scores, against: str, limits: EvaluateSettings
) -> Verdict:
    seen = detectable(error_of_interval(found.low, found.high), limits.alpha)
    word, sentence = _say(found, corrected, tests, seen, tuned, limits)
    interval = found.low, found.high
    return Verdict(
        word, sentence, tuned.main, against, found.gain, interval, found.p_value, tuned.n, corrected, seen
    )  # fmt: skip


def _say(
    found: Comparison, corrected: float, tests: int, seen: float, tuned: Scores, limits: EvaluateSettings
) -> tuple[Word, str]:
    name, count = label(tuned.main), f"{tuned.n:,} {tuned.unit(tuned.n)}"
    gain, numbers = _numbers(found, corrected, tests, count)
    sure = corrected < limits.alpha
    if sure and found.low > max(limits.min_gain, limits.noise):
        return "ship", f"ship: {name} is better by {gain} {numbers}"
    if sure and found.high < -limits.noise:
        return "do-not-ship", f"do not ship: {name} is worse by {gain} {numbers}"
    if found.high < limits.min_gain and limits.min_gain > 0:
        small = f"a gain of {limits.min_gain:g} (min_gain) is ruled out"
        return "do-not-ship", f"do not ship: {small}, {name} {gain} {numbers}"
    if found.low == found.high == 0:
        return "cannot-judge", f"cannot judge: {name} is the same for both on all {count}"
    if sure and (found.low > 0 or found.high < 0):
        moved = f"{name} is {'better' if found.low > 0 else 'worse'} by {gain} {numbers}"
        return "cannot-judge", f"cannot judge: {moved}, {_doubt(found, limits)}"
    limit = f"{count} can only see differences above {seen:.{places(seen)}f}"
    return "cannot-judge", f"cannot judge: {name} {gain} {numbers} may be chance; {limit}"


def _doubt(found: Comparison, limits: EvaluateSettings) -> str:
    """Why a difference that is real decides nothing."""
    if found.low > limits.noise:
        return f"but whether by {limits.min_gain:g} (min_gain) is not sure"
    return f"but perhaps by no more than another seed makes, {limits.noise:g} (noise)"


def _numbers(found: Comparison, corrected: float, tests: int, count: str) -> tuple[str, str]:
    digits = places(min(abs(found.low), abs(found.high)))
    low, high = (f"{bound:{'+' if found.low < 0 else ''}.{digits}f}" for bound in (found.low, found.high))
    several = f", corrected for {tests} comparisons" if tests > 1 else ""
    return f"{found.gain:+.{digits}f}", f"[{low}, {high}] (p = {corrected:.4f}{several}, {count})"


def places(value: float) -> int:
    """Three decimals, or more where a number that decides would be shown as 0."""
    return next((digits for digits in range(3, 6) if round(value, digits) or not value), 6)


def _hindrance(tuned: Scores, other: Scores, min_queries: int) -> str:
    """Why no comparison can be made, in words; empty if it can."""
    return _apart(tuned, other) or why_broken(tuned) or why_broken(other) or why_too_few(tuned, min_queries)


def _apart(tuned: Scores, other: Scores) -> str:
    if tuned.kind != other.kind:
        return f"{tuned.model} was measured on {tuned.kind}, {other.model} on {other.kind}."
    same = tuned.query_ids == other.query_ids and np.array_equal(tuned.gold, other.gold)
    if not same or tuned.counts.get("documents") != other.counts.get("documents"):
        return f"{tuned.model} and {other.model} were measured on different data. Measure both on the same split."
    return ""


def why_broken(scores: Scores) -> str:
    """Why a result says nothing of the model, in words; empty if it does."""
    if scores.not_finite:
        return f"{scores.model} gave vectors with NaN for {scores.not_finite} texts. Its weights are broken."
    if scores.kind in STATISTICS and np.ptp(scores.gold) == 0:
        return "all pairs have the same gold score, so there is nothing to correlate with."
    if _constant(scores):
        return f"{scores.model} gives every text the same score: its vectors have collapsed."
    if not math.isfinite(scores.metrics[scores.main]):
        return f"{label(scores.main)} of {scores.model} is not a number."
    return ""


def _constant(scores: Scores) -> bool:
    if scores.collapsed:
        return True
    if scores.kind in STATISTICS:
        return bool(np.ptp(scores.similarities) < 1e-9)  # NaN compares as false
    spreads = [max(row.values()) - min(row.values()) for row in scores.run.values() if len(row) > 1]
    return bool(spreads) and max(spreads) < 1e-6


def why_too_few(scores: Scores, min_queries: int) -> str:
    """Why a test is too small to say anything, in words; empty if it is not."""
    if scores.n >= min_queries:
        return ""
    count = f"{scores.n} {scores.unit(scores.n)} {'is' if scores.n == 1 else 'are'}"
    return f"{count} too few, at least {min_queries} are needed. Label more of them."
