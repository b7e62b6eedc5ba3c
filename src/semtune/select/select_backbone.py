"""Measures candidates on a data set, tries to tune them, and recommends one."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semtune import __version__
from semtune.dataset import Dataset
from semtune.machine import cpu_name, usable_cpus
from semtune.progress import QUIET, Progress
from semtune.select.candidate_result import CandidateResult
from semtune.select.candidate_trials import TRIALS, CandidateTrials
from semtune.select.candidates import Candidates, SkippedCandidate
from semtune.select.explanation import explain
from semtune.select.halving import TrialRound
from semtune.select.quality import TrialTools
from semtune.select.recommendation import FASTER, Recommendation, pareto_front, recommend
from semtune.select.settings import SelectSettings
from semtune.select.smaller_vectors import SmallerVectors


@dataclass(frozen=True, slots=True)
class Selection:
    """The result of a selection.

    Attributes:
        rows: the candidates that were measured, the recommended one first, then by best result.
        skipped: the candidates that were not measured, and why.
        rounds: of trials.
        choice: whom to take.
        reasons: why, in sentences.
        smaller: the recommended one with smaller vectors; empty if none is recommended.
        metric, label, unit, n: the deciding metric, and the number of queries or pairs.
        passages: number of passages searched; 0 for pairs.
        settings, seed: of the selection.
    """

    rows: tuple[CandidateResult, ...]
    skipped: tuple[SkippedCandidate, ...]
    rounds: tuple[TrialRound, ...]
    recommendation: Recommendation
    reasons: tuple[str, ...]
    smaller: tuple[SmallerVectors, ...]
    metric: str
    label: str
    unit: str
    n: int
    passages: int
    settings: SelectSettings
    seed: int

    @property
    def recommended(self) -> CandidateResult | None:
        """The recommended candidate; None if none keeps to the limits."""
        return next((row for row in self.rows if row.candidate.name == self.recommendation.name), None)

    def as_dict(self) -> dict[str, Any]:
        """The content of `select.json` and of the `--json` output."""
        taken = self.recommended
        return {
            "recommended": taken.candidate.asked if taken else None,
            "why": list(self.reasons),
            "metric": self.metric,
            "split": "dev",
            self.unit: self.n,
            "passages": self.passages,
            "limits": self.settings.limits.given(),
            "candidates": [row.as_dict() for row in self.rows],
            "skipped": [one.as_dict() for one in self.skipped],
            "front": [row.candidate.name for row in self.rows if row.on_front],
            "rounds": [one.as_dict() for one in self.rounds],
            "smaller": [one.as_dict() for one in self.smaller],
            "settings": {**self.settings.facts(), "seed": self.seed},
            "machine": {"cpu": cpu_name(), "cpus": usable_cpus()},
            "semtune": __version__,
        }


def select_backbone(
    dataset: Dataset,
    part: Dataset,
    candidates: Candidates,
    tools: TrialTools,
    settings: SelectSettings,
    seed: int,
    work: Path,
    progress: Progress = QUIET,
) -> Selection:
    """Measure the candidates on the dev split, try to tune them, and recommend one.

    Args:
        dataset: its train split is used for tuning; its test split is not used.
        part: the sample of its dev split to measure on, from `semtune.select.sample.dev_part`.
        candidates: from `semtune.select.candidates.gather`.
        tools: evaluate, open and train models.
        settings: the limits and the budget.
        seed: of all samples and of the trials.
        work: stores measurements and, until the end, tuned models; a later call continues from there.
        progress: shows the progress.

    Raises:
        InputError: there is nothing to measure on, or no candidate can be used.
        StorageError: the disk is full.
    """
    trials = CandidateTrials(dataset, part, tools, settings, seed, work, progress)
    rows, skipped = trials.measure(candidates)
    within = [name for name, row in rows.items() if not row.over and math.isfinite(row.untouched.value)]
    rounds = trials.run_trials({name: rows[name] for name in within})
    final = rounds[-1].kept if rounds else within
    recommendation = recommend({name: rows[name] for name in final}, tools.evaluator.gain)
    _describe(rows, rounds, final, trained=trials.trainable and settings.steps > 0)
    finite = [row for row in rows.values() if math.isfinite(row.best.value)]
    for at in pareto_front([(row.best.value, row.cost.p50_ms) for row in finite], FASTER):
        finite[at].on_front = True
    order = sorted(rows.values(), key=lambda row: _order(row, recommendation.name))
    smaller = trials.smaller(rows[recommendation.name]) if recommendation.name else []
    shutil.rmtree(work / TRIALS, ignore_errors=True)
    evaluator = tools.evaluator
    said = explain(rows, recommendation, rounds, evaluator, settings, trainable=trials.trainable)
    return Selection(
        tuple(order), (*candidates.skipped, *skipped), tuple(rounds), recommendation, tuple(said), tuple(smaller),
        evaluator.metric, evaluator.label, evaluator.unit, evaluator.n, len(part.corpus), settings, seed,
    )  # fmt: skip


def _order(row: CandidateResult, taken: str) -> tuple[bool, float, str]:
    value = row.best.value
    return row.candidate.name != taken, -value if math.isfinite(value) else math.inf, row.candidate.name


def _describe(
    rows: Mapping[str, CandidateResult], rounds: Sequence[TrialRound], final: Sequence[str], *, trained: bool
) -> None:
    """Set the status of each candidate."""
    dropped = {drop.name: made.steps for made in rounds for drop in made.dropped}
    for name, row in rows.items():
        if not math.isfinite(row.untouched.value):
            row.status = "not measured: its vectors are NaN or all alike"
        elif row.over:
            row.status = "over a limit; not tried"
        elif row.failed:
            row.status = f"its trial failed: {row.failed}"
        elif name in dropped:
            row.status = f"dropped after {dropped[name]} steps"
        elif row.trials:
            row.status = f"tried to the end, {row.trials[-1].steps} steps"
        else:
            row.status = "the only candidate; not tried" if trained and len(final) == 1 else "not tried"
