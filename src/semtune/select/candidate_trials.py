"""Measures candidates and runs their trials; every result is stored at once."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semtune import __version__
from semtune.dataset import Dataset
from semtune.errors import (
    ConfigError,
    ContractError,
    GateError,
    InputError,
    MissingExtraError,
    ModelError,
    SemtuneError,
    StorageError,
)
from semtune.machine import cpu_name, usable_cpus
from semtune.progress import Progress
from semtune.select import sample
from semtune.select.candidate_result import CandidateResult, Trial
from semtune.select.candidates import Candidate, Candidates, SkippedCandidate
from semtune.select.cost import ServingCost, measure_cost
from semtune.select.halving import TrialRound, halve
from semtune.select.quality import Quality, TrialTools
from semtune.select.recommendation import broken_limits
from semtune.select.result_cache import ResultCache, data_hash
from semtune.select.settings import SelectSettings
from semtune.select.smaller_vectors import SmallerVectors, measure_smaller
from semtune.select.tokenizer_fit import TokenizerFit, measure_fit
from semtune.train.distil.training_texts import pca_texts

RESULTS, TRIALS = "measured", "trials"
LEAST_ROWS = 2


class CandidateTrials:
    """Measures the candidates of one selection and runs their trials; stored results are reused."""

    def __init__(
        self,
        dataset: Dataset,
        part: Dataset,
        tools: TrialTools,
        settings: SelectSettings,
        seed: int,
        work: Path,
        progress: Progress,
    ) -> None:
        self._dataset, self._part, self._tools = dataset, part, tools
        self._settings, self._work, self._progress = settings, work, progress
        self._results = ResultCache(work / RESULTS)
        self._judged_on = [__version__, data_hash(dataset), settings.max_queries, settings.max_passages, seed]
        splits = (dataset.pairs, dataset.scored, dataset.labelled_pairs, dataset.labelled_texts)
        self.trainable = max(len(rows.get("train", [])) for rows in splits) >= LEAST_ROWS

    def measure(self, candidates: Candidates) -> tuple[dict[str, CandidateResult], list[SkippedCandidate]]:
        """Measure each candidate that can be opened.

        Raises:
            InputError: no candidate can be measured.
        """
        rows: dict[str, CandidateResult] = {}
        skipped: list[SkippedCandidate] = []
        with self._progress.track("measure", len(candidates.usable)) as advance:
            for one in candidates.usable:
                self._progress.status(one.name)
                try:
                    row = self._measured(one)
                except (ModelError, ContractError, GateError) as error:
                    skipped.append(SkippedCandidate(one.asked, str(error)))
                else:
                    row.over = broken_limits(self._settings.limits, row)
                    rows[one.name] = row
                    self._progress.say(
                        f"{one.name}: {self._tools.evaluator.label} {row.untouched.value:.4f} untuned, one query "
                        f"{row.cost.p50_ms:,.1f} ms on {row.cost.runtime}"
                    )
                advance(1)
        if not any(math.isfinite(row.untouched.value) for row in rows.values()):
            reasons = "; ".join(f"{one.asked}: {one.why}" for one in skipped)
            raise InputError(
                f"No candidate can be measured on the dev split{': ' + reasons if reasons else ''}. Check that its "
                "scores or grades are not all equal and that the models' vectors are not NaN. "
                "`semtune evaluate MODEL DATASET` measures one model."
            )
        return rows, skipped

    def _measured(self, one: Candidate) -> CandidateResult:
        def make() -> dict[str, Any]:
            quality = self._tools.evaluator(
                self._tools.open(one.folder)
            )  # first, since it imports the runtime's library
            fit = measure_fit(one, sample.fit_texts(self._dataset))
            opens = self._tools.serve(one.folder)
            cost = measure_cost(opens, sample.speed_texts(self._dataset), sample.queries_of(self._part))
            return {"quality": quality.to_json(), "fit": fit.as_dict() if fit else None, "cost": cost.as_dict()}

        here = [cpu_name(), usable_cpus(), self._settings.runtime]
        found = self._results.get("untouched", [*self._judged_on, one.contract.fingerprint, here], make)
        fit = TokenizerFit(**found["fit"]) if found["fit"] else None
        return CandidateResult(one, Quality.from_json(found["quality"]), fit, ServingCost(**found["cost"]))

    def run_trials(self, rows: Mapping[str, CandidateResult]) -> list[TrialRound]:
        """Run the rounds of trials; none without training rows or with only one candidate."""
        settings = self._settings
        if not self.trainable or not settings.steps:
            return []
        return halve(
            list(rows), lambda name, steps: self._attempt(rows[name], steps), self._tools.evaluator.gain,
            settings.steps, settings.rounds,
        )  # fmt: skip

    def _attempt(self, row: CandidateResult, steps: int) -> Quality | str:
        def make() -> dict[str, Any]:
            started = time.monotonic()
            quality = self._tools.evaluator(self._tools.open(self._tuned(row.candidate, steps)))
            return {"steps": steps, "quality": quality.to_json(), "seconds": time.monotonic() - started}

        label, name = self._tools.evaluator.label, row.candidate.name
        self._progress.status(f"{name}, {steps} steps")
        try:
            found = self._results.get("trial", self._trial_key(row, steps), make)
        except (InputError, ConfigError, MissingExtraError, StorageError):
            raise  # not the fault of this candidate
        except SemtuneError as error:
            row.failed = str(error)
            self._progress.say(f"{name}: its trial failed: {error}")
            return row.failed
        row.trials.append(Trial(steps, Quality.from_json(found["quality"]), found["seconds"]))
        self._progress.say(f"{name}: {label} {row.trials[-1].quality.value:.4f} after {steps} steps")
        return row.best

    def _trial_key(self, row: CandidateResult, steps: int) -> list[Any]:
        return [*self._judged_on, row.candidate.contract.fingerprint, self._tools.training, steps]

    def _tuned(self, one: Candidate, steps: int) -> Path:
        place = self._work / TRIALS / f"{one.contract.fingerprint[:16]}-{steps}"
        return self._tools.train(one.folder, one.name, steps, place)

    def smaller(self, row: CandidateResult) -> list[SmallerVectors]:
        """The recommended model with smaller vectors."""

        def make() -> dict[str, Any]:
            steps = row.best_steps
            folder = self._tuned(row.candidate, steps) if steps else row.candidate.folder
            encoder = self._tools.open(folder)
            texts = pca_texts(self._dataset, encoder.contract.dimension)
            found = measure_smaller(encoder, self._tools.evaluator, texts, self._settings.dims)
            return {"ways": [one.as_dict() for one in found]}

        self._progress.status("smaller vectors")
        key = [*self._trial_key(row, row.best_steps), self._settings.dims]
        return [SmallerVectors(**values) for values in self._results.get("smaller", key, make)["ways"]]
