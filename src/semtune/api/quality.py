"""Evaluate and compare: how good a model is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from semtune.api.defaults import SEED
from semtune.evaluate.settings import EvaluateSettings
from semtune.progress import QUIET, Progress

if TYPE_CHECKING:
    from semtune.evaluate.saved.compare import EvaluationComparison
    from semtune.evaluate.step import Evaluated

MEASURE = EvaluateSettings(bm25=False, calibrate=False)
"""Only the model itself is measured."""


def evaluate(
    model: str,
    dataset: str | Path,
    *,
    against: Sequence[str] = (),
    out: str | Path | None = None,
    settings: EvaluateSettings = MEASURE,
    runtime: str = "auto",
    stages: bool = False,
    index: str | Path | None = None,
    seed: int = SEED,
    progress: Progress = QUIET,
) -> Evaluated:
    """Measure a model on the test part; with `against`, say whether to ship it.

    Args:
        model: a name, a hub id, a model folder or a run folder.
        dataset: a data set, a BEIR folder, a run, a table of labelled rows, or a folder of parallel texts.
        against: models, folders of saved evaluations, "bm25" or "hybrid"; the first decides.
        out: a folder for metrics, the report and run files.
        settings: of the step; with `calibrate`, thresholds are written into the model folder, and on parallel texts
            the accuracy by language.
        runtime: of the models.
        stages: also measure what is served, stage by stage; `index` names an index to measure in place of a new one.
        seed: of resampling and drawn examples.
        progress: shown while it works.

    Raises:
        SemtuneError: a model or result cannot be had, or does not fit the data.
    """
    from semtune.encoders.load import parse_runtime
    from semtune.evaluate.step import EvaluateInputs, run
    from semtune.machine import keep_freed_memory
    from semtune.prepare.build import for_other_steps as data_for
    from semtune.sources import folder_to_calibrate, index_to_measure, store_languages, store_thresholds

    target = folder_to_calibrate(model) if settings.calibrate else None
    data = data_for.evaluation(dataset)()
    across = bool(data.parallel.get("test")) and settings.task in ("", "cross-language")
    inputs = EvaluateInputs(
        lambda: data,
        str(dataset),
        settings,
        model,
        list(against),
        seed,
        model,
        parse_runtime(runtime),
        data_for.general(settings.general) if settings.general else None,
        data_for.leaks_of,
        data_for.language_of,
        stages=stages,
        index=index_to_measure(Path(index) if index else None, stages),
        thresholds_needed=settings.calibrate and not across,
    )
    keep_freed_memory()
    found = run(inputs, Path(out) if out is not None else None, progress)
    if found.calibrated and target:
        store_thresholds(found.calibrated, target)
    if across and target and found.outcome:
        store_languages(found.outcome.tuned.matrix, target)
    return found


def compare(runs: Sequence[str | Path], *, seed: int = SEED) -> EvaluationComparison:
    """Compare saved evaluations on the same data with the first of them; nothing is computed anew."""
    from semtune.evaluate.saved.compare import compare_saved

    return compare_saved([Path(run) for run in runs], seed)
