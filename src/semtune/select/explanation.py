"""Explains in sentences why a candidate is recommended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from semtune.metrics import Comparison
from semtune.select.candidate_result import CandidateResult
from semtune.select.cost import index_mb
from semtune.select.halving import TrialRound
from semtune.select.quality import Evaluator
from semtune.select.recommendation import Recommendation
from semtune.select.settings import SelectSettings, ServingLimits

FEW = 50  # dev queries or pairs; with fewer, most differences between good models are not significant
LICENCE_NOTE = "is unknown to Semtune: check it before you ship"


def explain(
    rows: Mapping[str, CandidateResult],
    recommendation: Recommendation,
    rounds: Sequence[TrialRound],
    evaluator: Evaluator,
    settings: SelectSettings,
    *,
    trainable: bool,
) -> list[str]:
    """The sentences in plain text, the most important first."""
    said = [_taken(rows, recommendation, evaluator)] if recommendation.name else [_nobody(rows, settings.limits)]
    if recommendation.name and recommendation.name != recommendation.best and recommendation.behind:
        said.append(_against_the_best(rows, recommendation, recommendation.behind))
    if crossing := _crossing(rows, rounds, evaluator):
        said.append(crossing)
    said += [_dropped(made) for made in rounds if made.dropped]
    said += [f"{row.candidate.name} was not tried: {'; '.join(row.over)}." for row in rows.values() if row.over]
    if room := _room(settings.limits):
        long = [row.candidate.name for row in rows.values() if row.candidate.contract.dimension > room]
        if long:
            said.append(
                f"Vectors can be shortened: semtune distil MODEL --to dims --dim {room} --data DATASET turns "
                f"{' or '.join(long)} into a candidate within the limit."
            )
    if not rounds:
        said.append(_no_trials(settings, trainable=trainable))
    if recommendation.name and rows[recommendation.name].candidate.note:
        said.append(f"Note on {recommendation.name}: {rows[recommendation.name].candidate.note}.")
    if recommendation.name and not rows[recommendation.name].candidate.licence:
        said.append(f"The licence of {recommendation.name} {LICENCE_NOTE}.")
    if evaluator.n < FEW:
        said.append(
            f"There are only {evaluator.n} dev {evaluator.unit}: check the intervals before you trust the ranking."
        )
    return said


def _room(limits: ServingLimits) -> int:
    """The largest dimension within the limits; 0 if it is not limited."""
    allowed = [int(limits.dim)] if limits.dim else []
    if limits.index_mb:
        allowed.append(int(limits.index_mb / index_mb(1)))
    return min(allowed, default=0)


def _taken(rows: Mapping[str, CandidateResult], recommendation: Recommendation, evaluator: Evaluator) -> str:
    row = rows[recommendation.name]
    quality, cost, steps = row.best, row.cost, row.best_steps
    how = f"tuned with {steps} steps (untuned {row.untouched.value:.4f})" if steps else "untuned"
    if row.trials and not steps:
        how += f"; no trial improved it (after {row.trials[-1].steps} steps {row.trials[-1].quality.value:.4f})"
    return (
        f"{recommendation.name}: {evaluator.label} {quality.value:.4f} [{quality.low:.4f}, {quality.high:.4f}] on "
        f"{evaluator.n:,} dev {evaluator.unit}, {how}; one query {cost.p50_ms:,.1f} ms (p95 {cost.p95_ms:,.1f} ms), "
        f"{cost.texts_per_second:,.0f} texts/s on {cost.runtime}, {row.candidate.contract.dimension:,} dimensions."
    )


def _nobody(rows: Mapping[str, CandidateResult], limits: ServingLimits) -> str:
    if any(row.over for row in rows.values()):
        given = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in limits.given().items())
        return f"No candidate is within the limits ({given}). Relax them, or add a smaller candidate."
    return "No candidate finished its trials."


def _against_the_best(rows: Mapping[str, CandidateResult], recommendation: Recommendation, behind: Comparison) -> str:
    times = rows[recommendation.best].cost.p50_ms / rows[recommendation.name].cost.p50_ms
    return (
        f"{recommendation.best} reaches {rows[recommendation.best].best.value:.4f}, {behind.gain:.4f} more, but the "
        f"difference is not significant (95 % interval [{behind.low:+.4f}, {behind.high:+.4f}]), and "
        f"{recommendation.name} is {times:.1f} times as fast."
    )


def _crossing(rows: Mapping[str, CandidateResult], rounds: Sequence[TrialRound], evaluator: Evaluator) -> str:
    """A sentence if the best untuned candidate is not the best tuned one."""
    if not rounds:
        return ""
    tried = [rows[name] for name in rounds[0].values]
    if len(tried) < 2:
        return ""
    before = max(tried, key=lambda row: row.untouched.value)
    after = max(tried, key=lambda row: row.best.value)
    if before is after:
        return ""
    return (
        f"Untuned, {before.candidate.name} is ahead ({evaluator.label} {before.untouched.value:.4f}, "
        f"{after.candidate.name} {after.untouched.value:.4f}); after the trials, {after.candidate.name} is "
        f"({after.best.value:.4f} and {before.best.value:.4f})."
    )


def _dropped(made: TrialRound) -> str:
    best = next(iter(made.values))
    parts = [
        f"{drop.name} ({made.values[drop.name]:.4f}, {drop.below:.4f} [{drop.interval[0]:.4f}, {drop.interval[1]:.4f}] "
        f"below {best})"
        for drop in made.dropped
    ]
    return f"Dropped after {made.steps} steps: {'; '.join(parts)}."


def _no_trials(settings: SelectSettings, *, trainable: bool) -> str:
    if not trainable:
        return "The data set has no training rows, so nothing was tuned: the ranking is that of the untuned models."
    if not settings.steps:
        return (
            "There were no trials (steps: 0): the ranking is that of the untuned models. After tuning it often differs."
        )
    return "There was only one candidate left, so nothing was tuned."
