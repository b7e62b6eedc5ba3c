"""The select step: candidates and a data set in; measurements, trials and a recommended backbone out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.errors import ConfigError, GateError
from semtune.io import finite, read_json, write_json
from semtune.progress import Progress
from semtune.select.settings import SelectSettings
from semtune.step import LoadDataset, ModelRef
from semtune.train.settings import TrainSettings

if TYPE_CHECKING:
    from semtune.select.candidates import Candidate, Candidates
    from semtune.select.select_backbone import Selection

LIBRARIES = ("torch", "transformers", "sentence-transformers", "onnxruntime")
FILE, PAGE, TRIALS = "select.json", "report.html", "trials"
TRAIN_ONLY = ("max_steps", "num_train_epochs", "also", "floor", "eval_per_epoch", "early_stopping_patience")
"""Settings of training that have no effect in a trial: its steps are its own, and dev judges it once, at its end."""


@dataclass(frozen=True, slots=True)
class SelectInputs:
    """What select needs.

    Attributes:
        data: the data set.
        settings: of the step.
        training: settings of the trials' trainings.
        field: the candidates that are here.
        seed: of all that is drawn, and of the trials.
        title: of the report page; empty: neither the page nor `select.json` is written.
        data_name: what `select.json` calls the data set.
    """

    data: LoadDataset
    settings: SelectSettings
    training: TrainSettings
    candidates: Candidates
    seed: int
    title: str
    data_name: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Selected:
    """The choice that was made."""

    selection: Selection
    external: Sequence[str] = ()

    def facts(self) -> dict[str, Any]:
        """The recommended one, and why."""
        found = self.selection
        taken = found.recommended
        return {
            "recommended": taken.candidate.asked if taken else None,
            "why": list(found.reasons),
            "metric": found.metric,
            "candidates": {row.candidate.name: row.best.value for row in found.rows},
            "skipped": [one.as_dict() for one in found.skipped],
        }


def key(inputs: SelectInputs) -> dict[str, Any]:
    """What the choice depends on beside the data and the candidates."""
    training = inputs.training.model_dump(mode="json", exclude=set(TRAIN_ONLY))
    return {"select": inputs.settings.as_dict(), "train": training, "seed": inputs.seed}


def run(inputs: SelectInputs, out: Path, progress: Progress) -> Selected:
    """Measure the candidates on the dev split, try each for a short while, write `select.json` and the page into `out`.

    Raises:
        InputError: the data set has no dev split, or none of the candidates can be used.
    """
    from semtune.select.report.page import write_report
    from semtune.select.sample import dev_part
    from semtune.select.select_backbone import select_backbone
    from semtune.select.workbench import workbench

    data, settings, seed = inputs.data(), inputs.settings, inputs.seed
    for one in inputs.candidates.skipped:
        progress.say(f"{one.asked} is left out: {one.why}")
    part = dev_part(data, settings.max_queries, settings.max_passages, seed)
    tools = workbench(data, part, inputs.training, settings, seed, out / TRIALS, progress)
    found = select_backbone(data, part, inputs.candidates, tools, settings, seed, out, progress)
    if inputs.title:
        write_report(found, out / PAGE, inputs.title)
        named = {"dataset": inputs.data_name} if inputs.data_name else {}
        write_json(out / FILE, finite({**named, **found.as_dict()}))
    return Selected(found)


def trial_settings(training: TrainSettings) -> TrainSettings:
    """The settings of the trials' trainings.

    Raises:
        ConfigError: one is set that a trial sets itself.
    """
    usual = TrainSettings()
    for name in TRAIN_ONLY:
        if getattr(training, name) != getattr(usual, name):
            raise ConfigError(
                f"train.{name} has no effect in a trial: its steps are set with --steps, and it is measured "
                "on dev once, at its end."
            )
    return training


def for_trials(training: TrainSettings) -> TrainSettings:
    """The settings of a run's training, without those that a trial sets itself."""
    usual = TrainSettings()
    return training.replace(**{name: getattr(usual, name) for name in TRAIN_ONLY})


def require_one(selected: Selected) -> None:
    """Stop a run where no candidate keeps to the limits; the report is written.

    Raises:
        GateError: none does.
    """
    if selected.selection.recommended is None:
        raise GateError(f"select: {selected.selection.reasons[0]}")


def reader(candidates: Candidates) -> ModelRef:
    """The model that documents are cut for: the candidate that reads the least, so that all can read them."""
    from semtune.select.candidates import least

    return _ref(least(candidates))


def chosen(candidates: Candidates, folder: Path) -> ModelRef | None:
    """The recommended candidate, from the folder of the finished step; None before it is finished."""
    if not (folder / FILE).exists():
        return None
    name = read_json(folder / FILE)["recommended"]
    return next((_ref(one) for one in candidates.usable if one.asked == name), None)


def _ref(one: Candidate) -> ModelRef:
    return ModelRef(one.asked, one.folder, one.contract)
