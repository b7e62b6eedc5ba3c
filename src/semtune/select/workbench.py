"""What a choice of backbones needs of the rooms that evaluate, train and export; the command hands it in."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from semtune import contract as contracts
from semtune.encoders.load import load_encoder, parse_runtime
from semtune.errors import GateError, InputError, MissingExtraError, ModelError, SemtuneError
from semtune.export.step import serving_folder
from semtune.hub import resolve_model
from semtune.machine import keep_freed_memory
from semtune.progress import QUIET, Progress
from semtune.select.quality import Quality, Values
from semtune.step import ModelRef

if TYPE_CHECKING:
    from semtune.dataset import Dataset
    from semtune.metrics import Comparison
    from semtune.protocols import Encoder
    from semtune.select.settings import SelectSettings
    from semtune.train.settings import TrainSettings
    from semtune.types import Split

T = TypeVar("T")
LEAST = 2  # dev queries or pairs: one has no interval
SAMPLES = 1_000  # of the bootstrap; a choice makes dozens of them
DEV: Literal["dev"] = "dev"
GRAPHS = {"auto": "fp32", "onnx": "fp32", "onnx-int8": "int8"}  # runtime → precision of the graph that it needs


class CandidateEvaluator:
    """Measures encoders on a dev part, as `semtune evaluate` does on the test split; see `semtune.select.quality.Evaluator`."""

    def __init__(self, part: Dataset, seed: int, progress: Progress = QUIET) -> None:
        """Look at what the part can be judged by.

        Raises:
            InputError: nothing, or all scores are the same.
        """
        from semtune.evaluate.kinds.pairs import binary_pairs
        from semtune.evaluate.result import KINDS, STATISTICS, label
        from semtune.evaluate.tasks import choose_task

        self._part, self._seed, self._progress = part, seed, progress
        kind = choose_task(part, DEV)
        self._statistic = STATISTICS.get(kind)
        self._gold: Values = np.array(
            [pair.same for pair in binary_pairs(part, DEV)] if kind == "pairs" else [p.score for p in part.scored.get(DEV, [])],
            dtype=np.float64,
        )  # fmt: skip
        if self._statistic and len(set(self._gold.tolist())) < 2:
            raise InputError(
                f"All {len(self._gold)} dev scores are {self._gold[0]:g}: they rank nothing, so no model can be told from "
                "another by them. Give a dev split with different scores."
            )
        self.metric, self.unit = KINDS[kind].main, KINDS[kind].many
        self.label = label(self.metric)
        self.n = len(self._gold) if self._statistic else len(part.qrels.get(DEV, {}))

    def __call__(self, encoder: Encoder) -> Quality:
        """Measure an encoder."""
        from semtune.evaluate.scores import score
        from semtune.evaluate.verdict.differences import interval

        found = score(encoder, self._part, DEV, self._progress)
        low, high = interval(found, self._seed, SAMPLES)
        each = found.similarities if self._statistic else found.per_query[found.main]
        return Quality(found.metrics[found.main], low, high, np.asarray(each, dtype=np.float64))

    def gain(self, a: Quality, b: Quality) -> Comparison:
        """What `a` has more than `b` on the same items, with the 95 % interval of a paired bootstrap."""
        from semtune.metrics import compare_means, compare_statistic

        if self._statistic:
            return compare_statistic(a.each, b.each, self._gold, self._statistic, self._seed, SAMPLES)
        return compare_means(a.each, b.each, self._seed, SAMPLES)


@dataclass(frozen=True, slots=True)
class Workbench:
    """Judges, trains and serves candidates; see `semtune.select.quality.TrialTools`.

    Attributes:
        judge: on the dev part.
        dataset: whose train rows are tuned on; without its dev split, which chooses between candidates and not
            between a candidate's checkpoints.
        settings: of training; the steps come with each trial.
        runtime: what speed and memory are measured on: a graph, made where there is none, or "torch"; "auto" is a graph
            where one can be made, else torch, as an exported model is served.
        seed: of the trials.
        work: holds the exported graphs.
        progress: where trainings show how far they are.
    """

    evaluator: CandidateEvaluator
    dataset: Dataset
    settings: TrainSettings
    runtime: str
    seed: int
    work: Path
    progress: Progress

    @property
    def training(self) -> str:
        """All that the result of a trial depends on besides model, data and steps."""
        return repr(
            (self.settings, self.seed, [_content(word) for word in (self.settings.teacher, self.settings.guide)])
        )

    def open(self, folder: Path) -> Encoder:
        """Open a model to judge it, in bf16 where the processor has it."""
        return load_encoder(str(folder), "torch", fast=True)

    def serve(self, folder: Path) -> Callable[[], Encoder]:
        """Get a model ready for the runtime whose speed is asked for; returns what opens it there."""
        runtime = parse_runtime(self.runtime)
        contract = contracts.load(folder, verify=False)
        precision = GRAPHS.get(runtime)
        if precision is None:
            return lambda: load_encoder(str(folder), runtime)
        try:
            place = serving_folder(ModelRef(contract.name, folder, contract), self.work, QUIET, precision)
        except (ModelError, GateError, MissingExtraError) as error:
            if runtime != "auto":
                raise
            self.progress.say(f"{contract.name} is measured on torch: {error}")
            return lambda: load_encoder(str(folder), "torch")
        static = contract.pooling == contracts.STATIC
        return lambda: load_encoder(str(place), "auto" if static else runtime)

    def train(self, folder: Path, name: str, steps: int, work: Path) -> Path:
        """Tune a model with so many steps; returns the folder of the tuned one, in `work`. If it is there, it is taken."""
        from semtune.train.train_model import train

        keep_freed_memory()  # not before: what a model takes of freed memory could not be measured any more
        out, scratch = work / "model", work / "training"
        if not (out / contracts.FILE).exists():
            chosen = self.settings.replace(max_steps=steps, eval_per_epoch=1)
            train(self.dataset, folder, name, out, scratch, chosen, self.seed, _Hushed(self.progress))
        shutil.rmtree(scratch, ignore_errors=True)
        return out


def workbench(
    dataset: Dataset,
    part: Dataset,
    training: TrainSettings,
    settings: SelectSettings,
    seed: int,
    work: Path,
    progress: Progress,
) -> Workbench:
    """Make the tools of a choice; arguments as of `semtune.select.select`.

    Raises:
        InputError: the dev part cannot be judged, or has one query alone.
    """
    evaluator = CandidateEvaluator(part, seed, progress)
    if evaluator.n < LEAST:
        raise InputError("The dev split has one query or pair: nothing can be compared on it. Label more of them.")
    return Workbench(evaluator, _train_only(dataset), training, settings.runtime, seed, work, progress)


def _content(model: str) -> str:
    """A hash of the weights that a teacher or guide has now; empty where there is none, or none to be had."""
    try:
        return contracts.weights_hash(resolve_model(model)) if model else ""
    except SemtuneError:
        return ""  # the trial says it in words


def _train_only(dataset: Dataset) -> Dataset:
    """The data set without what judges: neither dev nor test."""
    return replace(
        dataset,
        qrels=_train_of(dataset.qrels),
        pairs=_train_of(dataset.pairs),
        scored=_train_of(dataset.scored),
        labelled_pairs=_train_of(dataset.labelled_pairs),
        labelled_texts=_train_of(dataset.labelled_texts),
    )


def _train_of(splits: dict[Split, T]) -> dict[Split, T]:
    return {split: rows for split, rows in splits.items() if split == "train"}


class _Hushed:
    """Shows bars and says nothing: a trial's plan and findings are not what a choice is about."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    @contextmanager
    def track(self, task: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """Show a bar while the block runs."""
        with self._progress.track(task, total) as advance:
            yield advance

    def say(self, message: str) -> None:
        """Say nothing."""

    def status(self, message: str) -> None:
        """Show how the running task stands."""
        self._progress.status(message)
