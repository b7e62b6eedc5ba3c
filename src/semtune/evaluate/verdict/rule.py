"""The rule behind the verdict: is the tuned model better, and should it be shipped? See docs/adr/0005."""

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

Word = Literal["ship", "promising", "do-not-ship", "cannot-judge"]
EXIT_CODES: dict[Word, int] = {"ship": 0, "promising": 0, "do-not-ship": 1, "cannot-judge": 2}
NAN = float("nan")
DEFAULT = EvaluateSettings()


@dataclass(frozen=True, slots=True)
class JudgedComparison:
    """The tuned model against one other: the verdict as a word and a sentence, and the numbers behind it.

    Attributes:
        verdict: "ship", "promising", "do-not-ship" or "cannot-judge".
        sentence: the verdict with its numbers, for people.
        metric: the deciding metric.
        against: name of the other system; empty if the model was not compared.
        gain: tuned minus other; NaN if unknown.
        interval: 95 % interval of the gain (paired bootstrap); NaNs if unknown.
        p_value: two-sided paired randomisation test; NaN if unknown.
        n: number of queries or sentence pairs.
        p_corrected: the p-value after Holm's correction for all comparisons.
        detectable: the smallest difference that is detected with 80 % power; NaN if unknown.
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
        """0 ship or promising, 1 do not ship, 2 cannot judge."""
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


def judge(tuned: Scores, other: Scores, seed: int = 0, limits: EvaluateSettings = DEFAULT) -> JudgedComparison:
    """Compare `tuned` with one other system on the same split; see `judge_all`."""
    return judge_all({"other": (tuned, other)}, seed, limits)["other"]


def judge_all(
    sides: Mapping[str, tuple[Scores, Scores]], seed: int = 0, limits: EvaluateSettings = DEFAULT
) -> dict[str, JudgedComparison]:
    """Compare several pairs of systems, with p-values corrected for multiple comparisons.

    "ship": the 95 % interval of the gain is above `min_gain` and `noise`, and the p-value of the paired randomisation
    test is below `alpha`. "do-not-ship": significantly worse by more than `noise`, or the interval is below a positive
    `min_gain`. Else "cannot-judge": there may be a relevant difference that the test does not show.

    Args:
        sides: name → results of the judged system and of the other one, e.g. from `score`.
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


def _hindered(reason: str, tuned: Scores, other: Scores) -> JudgedComparison:
    gain = tuned.metrics.get(tuned.main, NAN) - other.metrics.get(tuned.main, NAN)
    sentence = f"cannot judge: {reason}"
    return JudgedComparison("cannot-judge", sentence, tuned.main, other.model, gain, (NAN, NAN), NAN, tuned.n)


def _decide(
    found: Comparison, corrected: float, tests: int, tuned: Scores, against: str, limits: EvaluateSettings
) -> JudgedComparison:
    seen = detectable(error_of_interval(found.low, found.high), limits.alpha)
    word, sentence = _say(found, corrected, tests, seen, tuned, limits)
    interval = found.low, found.high
    return JudgedComparison(
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
        return "cannot-judge", f"cannot judge: {name} is equal for both on all {count}"
    if sure and (found.low > 0 or found.high < 0):
        moved = f"{name} is {'better' if found.low > 0 else 'worse'} by {gain} {numbers}"
        return "cannot-judge", f"cannot judge: {moved}, {_doubt(found, limits)}"
    limit = f"{count} can only detect differences above {seen:.{places(seen)}f}"
    return "cannot-judge", f"cannot judge: {name} {gain} {numbers} is not significant; {limit}"


def _doubt(found: Comparison, limits: EvaluateSettings) -> str:
    """Why a significant difference is inconclusive."""
    if found.low > limits.noise:
        return f"but perhaps by less than {limits.min_gain:g} (min_gain)"
    return f"but perhaps within the noise of the training seed, {limits.noise:g} (noise)"


def _numbers(found: Comparison, corrected: float, tests: int, count: str) -> tuple[str, str]:
    digits = places(min(abs(found.low), abs(found.high)))
    low, high = (f"{bound:{'+' if found.low < 0 else ''}.{digits}f}" for bound in (found.low, found.high))
    several = f", corrected for {tests} comparisons" if tests > 1 else ""
    return f"{found.gain:+.{digits}f}", f"[{low}, {high}] (p = {corrected:.4f}{several}, {count})"


def places(value: float) -> int:
    """Number of decimals: three, or more if the value would otherwise be shown as 0."""
    return next((digits for digits in range(3, 6) if round(value, digits) or not value), 6)


def _hindrance(tuned: Scores, other: Scores, min_queries: int) -> str:
    """Why no comparison can be made; empty if it can."""
    return _apart(tuned, other) or why_broken(tuned) or why_broken(other) or why_too_few(tuned, min_queries)


def _apart(tuned: Scores, other: Scores) -> str:
    if tuned.kind != other.kind:
        return f"{tuned.model} was measured on {tuned.kind}, {other.model} on {other.kind}."
    same = tuned.query_ids == other.query_ids and np.array_equal(tuned.gold, other.gold)
    if not same or tuned.counts.get("documents") != other.counts.get("documents"):
        return f"{tuned.model} and {other.model} were measured on different data. Measure both on the same split."
    return ""


def why_broken(scores: Scores) -> str:
    """Why a result is meaningless; empty if it is not."""
    if scores.not_finite:
        return f"{scores.model} gave vectors with NaN for {scores.not_finite} texts. Its weights are broken."
    if scores.kind in STATISTICS and np.ptp(scores.gold) == 0:
        return "all pairs have the same gold score, so there is no correlation."
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
    """Why a test set is too small; empty if it is not."""
    if scores.n >= min_queries:
        return ""
    count = f"{scores.n} {scores.unit(scores.n)} {'is' if scores.n == 1 else 'are'}"
    return f"{count} too few; at least {min_queries} are needed. Label more."
