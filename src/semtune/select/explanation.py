"""Why a candidate is recommended, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from semtune.metrics import Comparison
from semtune.select.candidate_result import CandidateResult
from semtune.select.cost import index_mb
from semtune.select.halving import TrialRound
from semtune.select.quality import Evaluator
from semtune.select.recommendation import Recommendation
from semtune.select.settings import SelectSettings, ServingLimits

FEW = 50  # dev queries or pairs: with fewer, most differences between good models are within chance
LICENCE_NOTE = "its licence is not known here: read it before you ship"


def explain(
    rows: Mapping[str, CandidateResult], recommendation: Recommendation, rounds: Sequence[TrialRound], evaluator: Evaluator, settings: SelectSettings, *,
    trainable: bool,
) -> list[str]:  # fmt: skip
    """The sentences, the most telling first; everything in plain text."""
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
                f"Vectors can be cut: semtune distil MODEL --to dims --dim {room} --data DATASET makes a candidate that "
                f"keeps to the limit out of {' or '.join(long)}."
            )
    if not rounds:
        said.append(_no_trials(settings, trainable=trainable))
    if recommendation.name and rows[recommendation.name].candidate.note:
        said.append(f"Note of {recommendation.name}: {rows[recommendation.name].candidate.note}.")
    if recommendation.name and not rows[recommendation.name].candidate.licence:
        said.append(f"Of {recommendation.name} {LICENCE_NOTE}.")
    if evaluator.n < FEW:
        said.append(f"{evaluator.n} dev {evaluator.unit} are few: look at the intervals before you believe an order.")
    return said


def _room(limits: ServingLimits) -> int:
    """The dimensions that the limits leave; 0 where they limit none."""
    allowed = [int(limits.dim)] if limits.dim else []
    if limits.index_mb:
        allowed.append(int(limits.index_mb / index_mb(1)))
    return min(allowed, default=0)


def _taken(rows: Mapping[str, CandidateResult], recommendation: Recommendation, evaluator: Evaluator) -> str:
    row = rows[recommendation.name]
    quality, cost, steps = row.best, row.cost, row.best_steps
    how = f"tuned with {steps} steps (untouched {row.untouched.value:.4f})" if steps else "untouched"
    if row.trials and not steps:
        how += f", which no trial bettered (after {row.trials[-1].steps} steps {row.trials[-1].quality.value:.4f})"
    return (
        f"{recommendation.name}: {evaluator.label} {quality.value:.4f} [{quality.low:.4f}, {quality.high:.4f}] on {evaluator.n:,} dev "
        f"{evaluator.unit}, {how}; one query {cost.p50_ms:,.1f} ms (95 % within {cost.p95_ms:,.1f}), "
        f"{cost.texts_per_second:,.0f} texts/s on {cost.runtime}, {row.candidate.contract.dimension:,} dimensions."
    )


def _nobody(rows: Mapping[str, CandidateResult], limits: ServingLimits) -> str:
    if any(row.over for row in rows.values()):
        given = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in limits.given().items())
        return f"None of the candidates keeps to the limits ({given}). Loosen them, or add a smaller candidate."
    return "None of the candidates came through its trials."


def _against_the_best(rows: Mapping[str, CandidateResult], recommendation: Recommendation, behind: Comparison) -> str:
    times = rows[recommendation.best].cost.p50_ms / rows[recommendation.name].cost.p50_ms
    return (
        f"{recommendation.best} shows {rows[recommendation.best].best.value:.4f}, {behind.gain:.4f} more; chance alone could give that "
        f"(95 % interval [{behind.low:+.4f}, {behind.high:+.4f}]), and {recommendation.name} answers {times:.1f} times as fast."
    )


def _crossing(rows: Mapping[str, CandidateResult], rounds: Sequence[TrialRound], evaluator: Evaluator) -> str:
    """That the best untouched is not the best tuned, where it is so."""
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
        f"Untouched, {before.candidate.name} is ahead ({evaluator.label} {before.untouched.value:.4f}, "
        f"{after.candidate.name} {after.untouched.value:.4f}); after the trials it is {after.candidate.name} "
        f"({after.best.value:.4f} and {before.best.value:.4f})."
    )


def _dropped(made: TrialRound) -> str:
    best = next(iter(made.values))
    parts = [
        f"{drop.name} ({made.values[drop.name]:.4f}, {drop.lacks:.4f} [{drop.interval[0]:.4f}, {drop.interval[1]:.4f}] "
        f"below {best})"
        for drop in made.dropped
    ]
    return f"Dropped after {made.steps} steps: {'; '.join(parts)}."


def _no_trials(settings: SelectSettings, *, trainable: bool) -> str:
    if not trainable:
        return "The data set has no training rows, so nothing was tuned: the order is that of the untouched models."
    if not settings.steps:
        return "No trials were asked for: the order is that of the untouched models; tuned, it is often another."
    return "There was nobody to compare with, so nothing was tuned."
