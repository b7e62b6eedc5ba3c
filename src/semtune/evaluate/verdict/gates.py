"""Gates that can block a model that is better overall: a minimum metric, forgetting, and slices that got worse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from semtune.evaluate.result import Scores, label
from semtune.evaluate.settings import EvaluateSettings
from semtune.evaluate.verdict.differences import compare_scores
from semtune.evaluate.verdict.rule import NAN, JudgedComparison, json_number, places, why_broken, why_too_few
from semtune.evaluate.verdict.slices import Slice
from semtune.metrics import Comparison

NAMED = 3  # slices named in the sentence; the report has all


@dataclass(frozen=True, slots=True, eq=False)
class Forgetting:
    """What the tuned model lost on general text compared with its base.

    Attributes:
        data: source of the text.
        tuned, base: their results on it.
        found: the paired comparison; None if it could not be made.
        hindrance: why it could not be made; else empty.
    """

    data: str
    tuned: Scores
    base: Scores
    found: Comparison | None
    hindrance: str

    @property
    def drop(self) -> float:
        """Drop of the main metric; negative for a gain; NaN if unknown."""
        return -self.found.gain if self.found else NAN

    def sentence(self) -> str:
        """The drop in words."""
        if self.hindrance:
            return f"forgetting on general text ({self.data}) could not be measured: {self.hindrance}"
        before, after = (each.metrics[each.main] for each in (self.base, self.tuned))
        moved = "fell" if self.drop > 0 else "rose" if self.drop < 0 else "stayed"
        digits = places(abs(self.drop))
        change = f"{moved} by {abs(self.drop):.{digits}f}" if self.drop else moved
        return f"{label(self.tuned.main)} on general text ({self.data}) {change} ({before:.4f} → {after:.4f})"

    def as_dict(self) -> dict[str, Any]:
        """The JSON form; what is not a number is null. `interval` is of the drop."""
        bounds = (-self.found.high, -self.found.low) if self.found else (NAN, NAN)
        return {
            "data": self.data,
            "metric": self.tuned.main,
            "n": self.tuned.n,
            "base": json_number(self.base.metrics[self.base.main]),
            "tuned": json_number(self.tuned.metrics[self.tuned.main]),
            "drop": json_number(self.drop),
            "interval": [json_number(bound) for bound in bounds],
            "p_value": json_number(self.found.p_value if self.found else NAN),
            "sentence": self.sentence(),
        }


def forgetting(data: str, tuned: Scores, base: Scores, seed: int = 0, min_queries: int = 20) -> Forgetting:
    """Compare the tuned model with its base on general text."""
    hindrance = why_broken(tuned) or why_broken(base) or why_too_few(tuned, min_queries)
    return Forgetting(data, tuned, base, None if hindrance else compare_scores(tuned, base, seed), hindrance)


def apply_gates(
    verdict: JudgedComparison,
    tuned: Scores,
    limits: EvaluateSettings,
    forgot: Forgetting | None = None,
    parts: Sequence[Slice] = (),
) -> JudgedComparison:
    """Apply all gates to the verdict of the comparison.

    A failed gate turns it into "do-not-ship", even if the comparison itself was inconclusive; a gate that could not be
    measured turns "ship" into "cannot-judge". The minimum metric is not applied to a model that could not be measured.
    """
    rest = verdict.sentence.partition(": ")[2]
    reasons = _reasons(verdict, tuned, limits, forgot, parts)
    worse = [part for part in parts if part.worse]
    named = f"; worse for {_named(worse)}" if worse else ""
    if reasons:
        rest = f"; {rest}" if rest else ""
        return replace(verdict, verdict="do-not-ship", sentence=f"do not ship: {'; '.join(reasons)}{rest}{named}")
    if verdict.verdict == "ship" and forgot and forgot.hindrance:
        return replace(verdict, verdict="cannot-judge", sentence=f"cannot judge: {forgot.sentence()}; {rest}{named}")
    return replace(verdict, sentence=verdict.sentence + named)


def judge_by_minimum(tuned: Scores, limits: EvaluateSettings) -> JudgedComparison | None:
    """The verdict on a model without a comparison, by its minimum metric; None without a minimum."""
    if limits.min_metric is None:
        return None
    empty = JudgedComparison("ship", "", tuned.main, "", NAN, (NAN, NAN), NAN, tuned.n)
    if hindrance := why_broken(tuned) or why_too_few(tuned, limits.min_queries):
        return replace(empty, verdict="cannot-judge", sentence=f"cannot judge: {hindrance}")
    value, count = tuned.metrics[tuned.main], f"{tuned.n:,} {tuned.unit(tuned.n)}"
    if value < limits.min_metric:
        return replace(empty, verdict="do-not-ship", sentence=f"do not ship: {_below(tuned, limits)} ({count})")
    reached = f"{label(tuned.main)} {value:.4f} reaches the minimum of {limits.min_metric:g} ({count})"
    return replace(empty, sentence=f"ship: {reached}")


def _reasons(
    verdict: JudgedComparison,
    tuned: Scores,
    limits: EvaluateSettings,
    forgot: Forgetting | None,
    parts: Sequence[Slice],
) -> list[str]:
    found = []
    measured = math.isfinite(verdict.p_value)
    if limits.min_metric is not None and measured and tuned.metrics[tuned.main] < limits.min_metric:
        found.append(_below(tuned, limits))
    if forgot and forgot.drop > limits.max_drop:
        found.append(f"{forgot.sentence()}, more than the allowed {limits.max_drop:g} (max_drop)")
    if limits.max_slice_drop is not None:
        lost = [part for part in parts if part.worse and -part.gain > limits.max_slice_drop]
        if lost:
            found.append(f"{_named(lost)} lost more than {limits.max_slice_drop:g} (max_slice_drop)")
    return found


def _below(tuned: Scores, limits: EvaluateSettings) -> str:
    value = tuned.metrics[tuned.main]
    return f"{label(tuned.main)} {value:.4f} is below the minimum of {limits.min_metric:g} (min_metric)"


def _named(parts: Sequence[Slice]) -> str:
    shown = sorted(parts, key=lambda part: part.gain)[:NAMED]
    listed = ", ".join(f"{part.name} ({part.gain:+.3f}, n = {part.n:,})" for part in shown)
    return listed + (f" and {len(parts) - NAMED} more" if len(parts) > NAMED else "")
