"""Prepare, select, train and distil: from a source to a tuned model."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from semtune.api.defaults import DEFAULT_MODEL, SEED
from semtune.errors import InputError, RunLockedError
from semtune.prepare.settings import PrepareSettings
from semtune.progress import QUIET, Progress
from semtune.select.settings import SelectSettings
from semtune.train.settings import TrainSettings

if TYPE_CHECKING:
    from semtune.dataset import Dataset
    from semtune.distillation import Distilled
    from semtune.prepare.step import Prepared
    from semtune.select.select_backbone import Selection
    from semtune.step import ModelRef
    from semtune.train.step import TrainInputs
    from semtune.train.train_model import Trained

TRAINING = ("sentence_transformers", "torch", "datasets", "accelerate")


def prepare(
    source: str | Path | Mapping[str, str],
    out: str | Path,
    *,
    model: str = DEFAULT_MODEL,
    settings: PrepareSettings = PrepareSettings(),  # noqa: B008 - frozen
    seed: int = SEED,
    progress: Progress = QUIET,
) -> Prepared:
    """Clean, split and pair a source into a data set that does not leak.

    Args:
        source: a folder, an archive, a table, a BEIR folder, "python-docs", or
            {"train": FILE, "dev": FILE, "test": FILE}.
        out: the data set folder to write.
        model: the backbone whose tokenizer and length limit count.
        settings: of the step.
        seed: of the split.
        progress: shown while it works.

    Raises:
        InputError: the source cannot be read, or `out` exists and was not made by Semtune.
        GateError: the data set would leak.
    """
    from semtune.io import atomic_folder, restore_folder
    from semtune.prepare.step import PrepareInputs, run
    from semtune.sources import model_ref, refuse_foreign
    from semtune.work_cache import work_beside

    place, given = Path(out), dict(source) if isinstance(source, Mapping) else str(source)
    restore_folder(place)
    refuse_foreign(place, "prepare.json", "a data set")
    reader = model_ref(model)
    with work_beside(place) as work, atomic_folder(place) as scratch:
        inputs = PrepareInputs(given, settings, reader, seed, place.resolve().name, place, work)
        return run(inputs, scratch, progress)


def select(
    dataset: str | Path,
    candidates: Sequence[str] = (),
    *,
    out: str | Path | None = None,
    settings: SelectSettings = SelectSettings(),  # noqa: B008
    training: TrainSettings = TrainSettings(),  # noqa: B008
    seed: int = SEED,
    progress: Progress = QUIET,
) -> Selection:
    """Measure backbones on a data set, tune each for a short while, and recommend one.

    Args:
        dataset: a data set, a run, or a source that can be prepared.
        candidates: names, hub ids or folders; none: the well-known ones on this machine that fit the language.
        out: a folder for `select.json`, the report and what was measured; None: nothing is kept.
        settings: of the step.
        training: settings of the trials; those that a trial sets itself have no effect and are refused.
        seed: of all that is drawn, and of the trials.
        progress: shown while it works.

    Raises:
        InputError: the data set has no dev split, or none of the candidates can be used.
    """
    from semtune.prepare.build import for_other_steps as data_for
    from semtune.registry import need
    from semtune.select.candidates import gather, languages_of, usual
    from semtune.select.step import SelectInputs, reader, run, trial_settings
    from semtune.sources import report_of

    need(*TRAINING)
    trial = trial_settings(training)
    with _select_folder(Path(out) if out is not None else None) as work:
        field = gather(list(candidates) or usual(languages_of(report_of(Path(dataset)))))
        data = data_for.training(dataset, reader(field), seed, None, progress)()
        title = Path(dataset).resolve().name if out is not None else ""
        return run(
            SelectInputs(lambda: data, settings, trial, field, seed, title, str(dataset)), work, progress
        ).selection


@contextlib.contextmanager
def _select_folder(out: Path | None) -> Iterator[Path]:
    """Where measurements are kept: the folder asked for, held against other processes, or a temporary one."""
    from semtune.io import held
    from semtune.select.candidate_trials import RESULTS
    from semtune.sources import refuse_foreign

    if out is None:
        with tempfile.TemporaryDirectory(prefix="semtune-select-") as name:
            yield Path(name)
        return
    refuse_foreign(out, RESULTS, "a choice that semtune made")
    with held(out / RESULTS) as ours:
        if not ours:
            raise RunLockedError(
                f"Another process is choosing in {out}. Wait until it ends, or give another folder with -o."
            )
        yield out


def train(
    dataset: str | Path,
    model: str,
    out: str | Path,
    *,
    dev: str | Path | None = None,
    settings: TrainSettings = TrainSettings(),  # noqa: B008
    seed: int = SEED,
    progress: Progress = QUIET,
) -> Trained:
    """Fine-tune a backbone; killed, the same call continues.

    Args:
        dataset: a data set, a run, or a table of pairs.
        model: the backbone: a name, a hub id or a folder.
        out: the model folder to write; its log and curve go into `training` inside it.
        dev: a table of pairs that chooses the best checkpoint.
        settings: of the step.
        seed: of everything random.
        progress: shown while it works.

    Raises:
        InputError: nothing to train on, or the data's shape does not fit.
    """
    from semtune import contract as contracts
    from semtune.machine import keep_freed_memory
    from semtune.registry import need
    from semtune.sources import model_ref, refuse_foreign
    from semtune.train.processes import is_first, leave
    from semtune.train.step import run

    need(*TRAINING)
    place = Path(out)
    refuse_foreign(place, contracts.FILE, "a model that semtune made")
    base = model_ref(model)
    if place.resolve() == base.folder.resolve():
        raise InputError(f"{out} is the model to be tuned; nothing was overwritten. Give a new folder with -o.")
    work = place.parent / f".{place.name}.training"
    keep_freed_memory()
    made = run(_train_inputs(dataset, dev, settings, base, place, seed, progress), work, progress).trained
    leave()
    if is_first():
        _keep_log(work, place)
    return made


def _train_inputs(
    dataset: str | Path,
    dev: str | Path | None,
    settings: TrainSettings,
    base: ModelRef,
    out: Path,
    seed: int,
    progress: Progress,
) -> TrainInputs:
    """Everything is read before the training begins, so that what is missing is found first."""
    from semtune.prepare.build import for_other_steps as data_for
    from semtune.train.losses import takes_labels
    from semtune.train.step import TrainInputs

    floor = data_for.evaluation(settings.floor.data)() if settings.floor.data else None
    labels = takes_labels(settings.loss)
    rows = data_for.training(dataset, base, seed, Path(dev) if dev else None, progress, keep_labels=labels)()
    also = {name: data_for.training(place, base, seed, None, progress)() for name, place in settings.also.items()}
    return TrainInputs(
        lambda: rows, settings, base, seed, {name: _given(data) for name, data in also.items()},
        _given(floor) if floor else None, out,
    )  # fmt: skip


def _given(data: Dataset) -> Callable[[], Dataset]:
    return lambda: data


def _keep_log(work: Path, out: Path) -> None:
    """Move the log, the doctor's findings and the curve into the model folder."""
    from semtune.train.step import CURVE, FINDINGS, LOG

    (out / "training").mkdir(exist_ok=True)
    for name in (LOG, FINDINGS, CURVE):
        shutil.copyfile(work / name, out / "training" / name)
    shutil.rmtree(work)


def distil(
    teacher: str,
    to: str,
    out: str | Path,
    *,
    data: str | Path | None = None,
    layers: int | None = None,
    student: str | None = None,
    dim: int | None = None,
    query_encoder: str | None = None,
    settings: TrainSettings | None = None,
    seed: int = SEED,
    progress: Progress = QUIET,
) -> Distilled:
    """Make a faster or multilingual student of a model and measure it against its teacher.

    After a kill, the same call continues.

    Args:
        teacher: a name, a hub id, a model folder or a run folder.
        to: "static", a table of token vectors; "layers", fewer of its layers; "dims", shorter vectors; "multilingual",
            its vector space in `student`; "query", a small encoder of queries beside the teacher for documents.
        out: the model folder to write.
        data: what is learned from, and whose test part is measured on.
        layers: to keep; None: half of them with "layers", 2 with "query".
        student: the multilingual backbone.
        dim: dimensions of the vectors, with "static" and "dims".
        query_encoder: with "query": "layers", some of the teacher's, or "static", a table of token vectors; None:
            whichever is better on dev.
        settings: of training; None: those that suit the way.
        seed: of everything random.
        progress: shown while it works.

    Raises:
        ConfigError: options that do not belong to this way.
        InputError: data is needed, or `out` exists and was not made by Semtune.
    """
    from semtune import distillation

    return distillation.distil(
        teacher,
        to,
        Path(out),
        Path(data) if data else None,
        layers=layers,
        student=student,
        dim=dim,
        query_encoder=query_encoder,
        settings=settings,
        seed=seed,
        progress=progress,
    )
