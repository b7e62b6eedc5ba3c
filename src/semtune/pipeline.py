"""The order of the steps, and nothing else: each step is defined in its own `step.py`.

prepare → (select →) train → export → evaluate → index → search. The exported models are judged: tuned and base, on the
runtime that will serve. A step runs when its key (arguments, inputs, versions) differs from its record, when its output
is damaged, or when it never ran; see `semtune.step_runner`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from semtune import step_inputs as inputs
from semtune.config import RunConfig, write_config
from semtune.evaluate import step as evaluating
from semtune.evaluate.verdict.rule import EXIT_CODES
from semtune.export import step as exporting
from semtune.index import step as indexing
from semtune.machine import keep_freed_memory
from semtune.prepare import step as preparing
from semtune.progress import QUIET, Progress
from semtune.run_directory import RunDirectory
from semtune.search import step as searching
from semtune.select import step as selecting
from semtune.step_inputs import STORE, Context
from semtune.step_runner import PlannedStep, Rerun, RunReport, StepReport, plan_steps, run_steps
from semtune.train import step as training


def run_pipeline(
    config: RunConfig,
    *,
    rerun: Rerun = "changed",
    dry_run: bool = False,
    progress: Progress = QUIET,
    on_step: Callable[[StepReport], None] = lambda _report: None,
    on_start: Callable[[str, str], None] = lambda _step, _why: None,
    keep_store: bool = True,
) -> RunReport:
    """Walk the whole way, running what has to be run.

    Args:
        config: of the run.
        rerun: "changed" runs what changed, "always" everything, "never" only what was never finished.
        dry_run: only say what would run and why; nothing is written.
        progress: shown to the user.
        on_start: called with a step's name and the reason before it runs.
        on_step: called with each step's report.
        keep_store: keep the run's store of vectors for the next call; False removes it at the end.

    Raises:
        SemtuneError: a step failed; the finished ones stay, and the next call continues there.
    """
    root = Path(config.runs_dir) / config.name
    context = inputs.open_context(config, RunDirectory(root), progress)
    steps = chosen_steps(config)
    inputs.general_hash(context)  # a path that does not exist is refused before any step
    if dry_run:
        reports = plan_steps(context, context.run, steps, rerun)
        for report in reports:
            on_step(report)
        return RunReport(config.name, str(root), tuple(reports), 0)
    keep_freed_memory()
    with context.run.locked():
        context.run.sweep()
        write_config(config, root / "config.yaml")
        try:
            return run_steps(
                context, context.run, steps, rerun, config.name, config.seed, on_start, on_step,
                lambda report: _gate(config, report),
            )  # fmt: skip
        finally:
            if not keep_store:
                shutil.rmtree(root / STORE, ignore_errors=True)


def chosen_steps(config: RunConfig) -> list[PlannedStep[Context]]:
    """The steps of this run, in order: select only if there are candidates, search only if there are questions."""
    asked = {"select": config.select.candidates, "search": config.search.questions}
    return [step for step in STEPS if asked.get(step.name, True)]


def _gate(config: RunConfig, report: StepReport) -> int:
    """The exit code that ends the run after this step; 0: it goes on."""
    return EXIT_CODES[report.result["verdict"]] if report.step == "evaluate" and config.evaluate.gate else 0


STEPS: tuple[PlannedStep[Context], ...] = (
    PlannedStep(
        "prepare",
        (),
        preparing.LIBRARIES,
        lambda context: preparing.key(inputs.prepare_inputs(context)),
        lambda context, work: preparing.run(inputs.prepare_inputs(context), work, context.progress),
        lambda context: preparing.sources(inputs.prepare_inputs(context)),
        resumable=True,
    ),
    PlannedStep(
        "select",
        ("prepare",),
        selecting.LIBRARIES,
        lambda context: selecting.key(inputs.select_inputs(context)),
        inputs.run_select,
        inputs.candidate_fingerprints,
        resumable=True,
    ),
    PlannedStep(
        "train",
        ("prepare",),
        training.LIBRARIES,
        lambda context: training.key(inputs.train_inputs(context)),
        lambda context, work: training.run(inputs.train_inputs(context), work, context.progress),
        inputs.further_hashes,
        chosen_by=("select",),
        resumable=True,
    ),
    PlannedStep(
        "export",
        ("train",),
        exporting.LIBRARIES,
        lambda context: exporting.key(inputs.export_inputs(context)),
        lambda context, work: exporting.run(inputs.export_inputs(context), work, context.progress),
    ),
    PlannedStep(
        "evaluate",
        ("prepare", "train", "export"),
        evaluating.LIBRARIES,
        inputs.evaluate_key,
        lambda context, work: evaluating.run(inputs.evaluate_inputs(context), work, context.progress),
        inputs.general_hash,
        afterwards=inputs.publish_thresholds,
    ),
    PlannedStep(
        "index",
        ("prepare", "export"),
        indexing.LIBRARIES,
        lambda context: indexing.key(inputs.index_inputs(context)),
        lambda context, work: indexing.run(inputs.index_inputs(context), work, context.progress),
        inputs.search_mode_hash,
        damage_of=indexing.damage,
    ),
    PlannedStep(
        "search",
        ("index",),
        searching.LIBRARIES,
        inputs.search_key,
        lambda context, work: searching.run(inputs.search_inputs(context), work, context.progress),
        inputs.thresholds_hash,
    ),
)
