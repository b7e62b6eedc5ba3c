"""The backbone of a run: the one its config names, or the one that its select step recommends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune import contract as contracts
from semtune.config import RunConfig, SelectConfig
from semtune.contract import Contract
from semtune.errors import GateError
from semtune.hub import resolve
from semtune.io import finite, read_json, write_json
from semtune.progress import Progress
from semtune.select.trials import workbench

if TYPE_CHECKING:
    from semtune.dataset import Dataset
    from semtune.select.candidates import Candidate, Field
    from semtune.select.select_backbone import Selection
    from semtune.select.settings import SelectSettings
    from semtune.train.settings import TrainSettings

FILE, PAGE = "select.json", "report.html"
TRAIN_ONLY = ("max_steps", "num_train_epochs", "also", "floor", "eval_per_epoch", "early_stopping_patience")
"""Settings of training that have no effect in a trial: its steps are its own, and dev judges it once, at its end."""


@dataclass(frozen=True, slots=True)
class Backbone:
    """A model that is here, by the name that it was asked for with."""

    name: str
    folder: Path
    contract: Contract


def candidates(config: RunConfig) -> Field | None:
    """Those of the select step; None for a run without one.

    Raises:
        InputError: fewer than two are named, or none is here.
    """
    from semtune.select.candidates import gather

    return gather(config.select.candidates) if config.select.candidates else None


def reader(config: RunConfig, field: Field | None) -> Backbone:
    """The model that documents are cut for: of several candidates the one that reads the least, so that all can read them.

    Raises:
        ModelError: the config's model is not here and cannot be fetched.
    """
    from semtune.select.candidates import least

    if field:
        return _of(least(field))
    folder = resolve(config.model)
    return Backbone(config.model, folder, contracts.load(folder))


def chosen(field: Field | None, reads: Backbone, folder: Path) -> Backbone:
    """The backbone of all steps after `select`, whose folder is given: the recommended candidate, or else the one that reads."""
    if not field or not (folder / FILE).exists():
        return reads
    name = read_json(folder / FILE)["recommended"]
    return next((_of(one) for one in field.candidates if one.asked == name), reads)


def _of(one: Candidate) -> Backbone:
    return Backbone(one.asked, one.folder, one.contract)


def trial_training(config: RunConfig) -> dict[str, Any]:
    """The settings of training that have an effect in a trial."""
    return config.train.model_dump(exclude=set(TRAIN_ONLY))


def choose(config: RunConfig, field: Field, dataset: Dataset, work: Path, progress: Progress) -> dict[str, Any]:
    """The select step: measure, try, write `select.json` and `report.html`; returns the result in short.

    Raises:
        GateError: no candidate keeps to the limits; the report is written.
        InputError: the data set has no dev split, or none of the candidates can be used.
    """
    from semtune.train.settings import TrainSettings

    settings = select_settings(config.select, config.seed)
    found = compare(dataset, field, TrainSettings(**trial_training(config)), settings, work, progress)
    write(work, found, config.name)
    if found.recommended is None:
        raise GateError(f"select: {found.reasons[0]}")
    return {
        "recommended": found.recommended.candidate.asked,
        "why": list(found.reasons),
        "metric": found.metric,
        "candidates": {row.candidate.name: row.best.value for row in found.rows},
        "skipped": [one.as_dict() for one in found.skipped],
    }


def select_settings(config: SelectConfig, seed: int) -> SelectSettings:
    """The settings of a choice from a config's section."""
    from semtune.encoders.load import parse_runtime
    from semtune.select.settings import SelectSettings, ServingLimits

    limits = ServingLimits(config.max_latency_ms, config.max_dim, config.max_memory, config.max_index)
    settings = SelectSettings(
        limits, config.steps, config.rounds, config.max_queries, config.max_passages, tuple(config.dims),
        parse_runtime(config.runtime), seed,
    )  # fmt: skip
    settings.check()
    return settings


def compare(
    dataset: Dataset, field: Field, training: TrainSettings, settings: SelectSettings, work: Path, progress: Progress
) -> Selection:
    """Measure the candidates on the dev split, and try each for a short while."""
    from semtune.select.sample import dev_part
    from semtune.select.select_backbone import select

    for one in field.skipped:
        progress.say(f"{one.asked} is left out: {one.why}")
    part = dev_part(dataset, settings.max_queries, settings.max_passages, settings.seed)
    tools = workbench(dataset, part, training, settings, work / "trials", progress)
    return select(dataset, part, field, tools, settings, work, progress)


def write(folder: Path, found: Selection, title: str, more: Sequence[tuple[str, Any]] = ()) -> None:
    """Write `select.json` and the page of a choice."""
    from semtune.select.report.page import write_report

    write_report(found, folder / PAGE, title)
    write_json(folder / FILE, finite({**dict(more), **found.as_dict()}))
