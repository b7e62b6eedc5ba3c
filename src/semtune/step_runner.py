"""Runs a list of steps in a run directory: which of them have to run, why, and with what result."""

from __future__ import annotations

import datetime
import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from semtune.io import storage_errors
from semtune.run_directory import BEFORE, Key, RunDirectory, StepRecord, versions
from semtune.step import StepResult

C = TypeVar("C")  # what the steps are made from
Rerun = Literal["changed", "always", "never"]
UNCHANGED: dict[Rerun, str] = {
    "changed": "nothing it depends on changed",
    "always": "",
    "never": "already finished; skipped (--rerun never)",
}


def _nothing(_context: Any) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class PlannedStep(Generic[C]):
    """A step of a pipeline and the steps it depends on.

    Attributes:
        name: of its folder, config section and command.
        after: the steps whose output it reads.
        libraries: packages whose versions affect the result.
        arguments: context → settings and everything else that affects the result.
        run: context, working folder → result.
        reads: context → name → hash of what it reads besides the steps in `after`.
        afterwards: called when the step is finished, now or in an earlier run; must be quick and repeatable.
        chosen_by: steps that may select other inputs for it.
        resumable: whether the next attempt can continue in the folder of a killed one.
        damage_of: of a step whose output people may change afterwards, as with `semtune add`: folder → what is wrong
            with it, in words. Changes are then no reason to run, and a run that replaces changed output keeps it.
    """

    name: str
    after: tuple[str, ...]
    libraries: tuple[str, ...]
    arguments: Callable[[C], dict[str, Any]]
    run: Callable[[C, Path], StepResult]
    reads: Callable[[C], dict[str, str]] = lambda _context: {}
    afterwards: Callable[[C], None] = _nothing
    chosen_by: tuple[str, ...] = ()
    resumable: bool = False
    damage_of: Callable[[Path], str] | None = None

    def key(self, context: C, run: RunDirectory) -> Key:
        """What the step's result depends on at this moment."""
        inputs = {name: run.content(name) for name in self.after} | self.reads(context)
        arguments = json.loads(json.dumps(self.arguments(context), default=str))
        return Key(arguments, inputs, versions(*self.libraries))


@dataclass(frozen=True, slots=True)
class StepReport:
    """What happened to a step: "done", "unchanged" or, in a dry run, "would run"; and why."""

    step: str
    status: str
    reason: str
    seconds: float
    path: str
    result: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run came to."""

    name: str
    path: str
    steps: tuple[StepReport, ...]
    exit_code: int

    def result(self, step: str) -> Mapping[str, Any]:
        """A step's numbers; empty if it has none."""
        return next((report.result for report in self.steps if report.step == step), {})

    def as_dict(self) -> dict[str, Any]:
        """The JSON form of `semtune run --json`."""
        evaluation, answers = self.result("evaluate"), self.result("search")
        return {
            "name": self.name,
            "path": self.path,
            "steps": [report.as_dict() for report in self.steps],
            **{key: evaluation.get(key) for key in ("verdict", "sentence", "gain", "interval", "p_value")},
            "answers": answers.get("answers", []),
        }


def run_steps(
    context: C,
    run: RunDirectory,
    steps: Sequence[PlannedStep[C]],
    rerun: Rerun,
    name: str,
    seed: int,
    on_start: Callable[[str, str], None],
    on_step: Callable[[StepReport], None],
    stop_after: Callable[[StepReport], int],
) -> RunReport:
    """Run the steps that are not up to date, in order.

    Args:
        context: what the steps are made from.
        run: the run directory.
        steps: in order.
        rerun: which steps to run again.
        name: of the run.
        seed: for the record of each step.
        on_start: called with a step's name and the reason why it runs.
        on_step: called with the report of each step.
        stop_after: report → exit code; anything but 0 ends the run.

    Raises:
        SemtuneError: a step failed; the results of finished steps are kept.
    """
    reports: list[StepReport] = []
    exit_code = 0
    for step in steps:
        key = step.key(context, run)
        why = _why(run, step, key, rerun)
        if why:
            on_start(step.name, why)
            record, status = _execute(context, run, step, key, seed), "done"
        else:
            record, status = run.record(step.name), "unchanged"
        step.afterwards(context)
        result = record.result if record else {}
        seconds = record.seconds if record and why else 0.0
        reports.append(
            StepReport(step.name, status, why or UNCHANGED[rerun], seconds, str(run.root / step.name), result)
        )
        on_step(reports[-1])
        if exit_code := stop_after(reports[-1]):
            break
    run.write_manifest()
    return RunReport(name, str(run.root), tuple(reports), exit_code)


def plan_steps(context: C, run: RunDirectory, steps: Sequence[PlannedStep[C]], rerun: Rerun) -> list[StepReport]:
    """What `run_steps` would run, and why; nothing is written."""
    reports: list[StepReport] = []
    running: set[str] = set()
    for step in steps:
        behind = [name for name in (*step.after, *step.chosen_by) if name in running]
        why = _why(run, step, step.key(context, run), rerun)
        if behind and not why and rerun == "changed":
            why = f"its input {' and '.join(behind)} would run"
        if why:
            running.add(step.name)
        status = "would run" if why else "unchanged"
        reports.append(StepReport(step.name, status, why or UNCHANGED[rerun], 0.0, str(run.root / step.name), {}))
    return reports


def _why(run: RunDirectory, step: PlannedStep[Any], key: Key, rerun: Rerun) -> str:
    if rerun == "always":
        why = "requested (--rerun always)"
    elif rerun == "never":
        why = run.damage(step.name, step.damage_of)
    else:
        why = run.why_run(step.name, key, step.damage_of)
    if why and _keeps(run, step):
        return f"{why}; it was changed after the run made it, and is kept as {step.name}{BEFORE}"
    return why


def _keeps(run: RunDirectory, step: PlannedStep[Any]) -> bool:
    """Whether the old output of a step must be kept: people changed it."""
    return step.damage_of is not None and run.altered(step.name)


def _execute(context: C, run: RunDirectory, step: PlannedStep[C], key: Key, seed: int) -> StepRecord:
    work = run.begin(step.name, key, resumable=step.resumable)
    started = time.monotonic()
    try:
        with storage_errors(work):
            made = step.run(context, work)
            facts = json.loads(json.dumps(made.facts(), default=str))
    except BaseException:
        if not step.resumable:
            shutil.rmtree(work, ignore_errors=True)
        raise
    finished = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
    return run.finish(
        step.name,
        work,
        key,
        time.monotonic() - started,
        seed,
        _device(),
        finished,
        facts,
        made.external,
        _keeps(run, step),
    )


def _device() -> str:
    torch = sys.modules.get("torch")
    return "cuda" if torch is not None and torch.cuda.is_available() else "cpu"
