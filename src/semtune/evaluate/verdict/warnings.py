"""Warnings about an evaluation, one sentence each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from semtune.evaluate.result import Scores, label
from semtune.evaluate.settings import EvaluateSettings
from semtune.evaluate.verdict.gates import Forgetting
from semtune.evaluate.verdict.language_pairs import weak_sentence
from semtune.evaluate.verdict.rule import JudgedComparison, places, why_broken, why_too_few
from semtune.evaluate.verdict.slices import Slice
from semtune.metrics.significance import detectable, error_of_interval, needed

MOST = 5  # slices named
TOO_HARD, TOO_EASY = 0.2, 0.95  # of the base; then the questions are looked at before the models
LARGE = 0.05  # good models rarely differ more, so a test set that cannot detect this is too small


def warnings(
    tuned: Scores,
    bounds: tuple[float, float],
    comparisons: Mapping[str, JudgedComparison],
    parts: Sequence[Slice],
    forgot: Forgetting | None,
    leaks: Mapping[str, Any],
    limits: EvaluateSettings,
    others: Mapping[str, Scores] | None = None,
) -> list[str]:
    """All warnings; see `Outcome` for the arguments. `bounds` is the interval of the tuned model's metric."""
    return [
        *_unsaid(tuned, comparisons, limits),
        *_small(tuned, bounds, comparisons, limits),
        *_doubtful(tuned, others),
        *_leaking(leaks),
        *_missing(tuned),
        *_unknown(tuned),
        *_beaten(comparisons, limits),
        *_worse(parts, tuned),
        *([sentence] if (sentence := weak_sentence(tuned)) else []),
        *([f"{forgot.sentence()}."] if forgot and not forgot.drop <= 0 else []),
    ]


def smallest_detectable(
    bounds: tuple[float, float], comparisons: Mapping[str, JudgedComparison], alpha: float = 0.05
) -> float:
    """The smallest difference that the test set detects: from the first comparison, else from the spread of the metric.

    Without a second system, the values of two systems are assumed to correlate by 0.5; then the standard error of the
    difference is that of one system's mean.
    """
    first = next(iter(comparisons.values()), None)
    if first and math.isfinite(first.detectable):
        return first.detectable
    return detectable(error_of_interval(*bounds), alpha)


def _unsaid(tuned: Scores, comparisons: Mapping[str, JudgedComparison], limits: EvaluateSettings) -> list[str]:
    """Why the metric is meaningless, unless a verdict already says so."""
    if comparisons or limits.min_metric is not None:
        return []
    reason = why_broken(tuned) or why_too_few(tuned, limits.min_queries)
    return [reason] if reason else []


def _small(
    tuned: Scores, bounds: tuple[float, float], comparisons: Mapping[str, JudgedComparison], limits: EvaluateSettings
) -> list[str]:
    smallest = smallest_detectable(bounds, comparisons, limits.alpha)
    if not smallest > LARGE:
        return []
    count = f"{tuned.n:,} {tuned.unit(tuned.n)}"
    return [
        f"The test set is small: its {count} can only detect differences above {smallest:.{places(smallest)}f} in "
        f"{label(tuned.main)} (80 % power); about {needed(tuned.n, smallest, LARGE):,} would detect {LARGE:g}."
    ]


def _doubtful(tuned: Scores, others: Mapping[str, Scores] | None) -> list[str]:
    """Doubts about the test itself: the first other model, untouched, finds almost nothing or almost everything."""
    first = next(iter((others or {}).values()), None)
    if first is None or tuned.kind != "retrieval":
        return []
    value = first.metrics.get(tuned.main, math.nan)
    if value < TOO_HARD:
        return [
            f"The test is doubtful: {first.model} finds almost nothing ({label(tuned.main)} "
            f"{value:.3f}). Look at some questions: they may not be answered by their documents."
        ]
    if value > TOO_EASY:
        return [
            f"The test is doubtful: {first.model} finds almost everything ({label(tuned.main)} "
            f"{value:.3f}). Look at some questions: they may repeat their documents, and leave nothing to gain."
        ]
    return []


def _leaking(leaks: Mapping[str, Any]) -> list[str]:
    if not leaks.get("found"):
        return []
    sorts = ", ".join(f"{count:,} {sort}" for sort, count in leaks.get("by_sort", {}).items() if count)
    return [
        f"The test set leaks: the train split shares {leaks['found']:,} items with held-out data ({sorts}). A model "
        "trained on it looks better than it is."
    ]


def _missing(tuned: Scores) -> list[str]:
    missing = tuned.counts.get("relevant_not_in_corpus", 0)
    if not missing:
        return []
    total = tuned.counts["relevant"]
    return [f"{missing:,} of {total:,} relevant documents are not in the corpus and count as not found."]


def _unknown(tuned: Scores) -> list[str]:
    left_out = tuned.counts.get("texts_of_unknown_class", 0)
    if not left_out:
        return []
    return [f"{left_out:,} texts are in classes without examples in train and were left out."]


def _beaten(comparisons: Mapping[str, JudgedComparison], limits: EvaluateSettings) -> list[str]:
    further = list(comparisons.values())[1:]
    return [
        f"Worse than {each.against} by {each.gain:+.3f} [{each.interval[0]:+.3f}, {each.interval[1]:+.3f}]."
        for each in further
        if each.interval[1] < 0 and each.p_corrected < limits.alpha
    ]


def _worse(parts: Sequence[Slice], tuned: Scores) -> list[str]:
    worse = sorted((part for part in parts if part.worse), key=lambda part: part.gain)
    more = [f"Worse for {len(worse) - MOST} more slices; see the table."] if len(worse) > MOST else []
    return [
        f"Worse for {part.name}: {part.gain:+.3f} [{part.interval[0]:+.3f}, {part.interval[1]:+.3f}] "
        f"(p = {part.p_corrected:.4f}, {part.n:,} {tuned.unit(part.n)})."
        for part in worse[:MOST]
    ] + more
