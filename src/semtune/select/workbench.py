"""Evaluates, trains and exports candidates for a selection."""

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
LEAST = 2  # dev queries or pairs; a single one has no interval
SAMPLES = 1_000  # of the bootstrap, which runs dozens of times in a selection
DEV: Literal["dev"] = "dev"
GRAPHS = {"auto": "fp32", "onnx": "fp32", "onnx-int8": "int8"}  # runtime → precision of its graph


class CandidateEvaluator:
    """Measures encoders on a dev sample; see `semtune.select.quality.Evaluator`."""

    def __init__(self, part: Dataset, seed: int, progress: Progress = QUIET) -> None:
        """Find the task that fits the dev sample.

        Raises:
            InputError: there are no labels, or all scores are equal.
        """
        from semtune.evaluate.kinds.pairs import binary_pairs
        from semtune.evaluate.result import KINDS, STATISTICS, label
        from semtune.evaluate.tasks import choose_task

        self._part, self._seed, self._progress = part, seed, progress
        kind = choose_task(part, DEV)
        self._statistic = STATISTICS.get(kind)
        pairs = binary_pairs(part, DEV) if kind == "pairs" else []
        labels = [pair.same for pair in pairs] or [pair.score for pair in part.scored.get(DEV, [])]
        self._gold: Values = np.array(labels, dtype=np.float64)
        if self._statistic and len(set(self._gold.tolist())) < 2:
            raise InputError(
                f"All {len(self._gold)} dev scores are {self._gold[0]:g}, so models cannot be compared on them. Give a "
                "dev split with different scores."
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
        """Difference of `a` to `b` on the same items, with the 95 % interval of a paired bootstrap."""
        from semtune.metrics import compare_means, compare_statistic

        if self._statistic:
            return compare_statistic(a.each, b.each, self._gold, self._statistic, self._seed, SAMPLES)
        return compare_means(a.each, b.each, self._seed, SAMPLES)


@dataclass(frozen=True, slots=True)
class Workbench:
    """Evaluates, trains and serves candidates; see `semtune.select.quality.TrialTools`.

    Attributes:
        evaluator: measures quality on the dev sample.
        dataset: the training rows; without the dev split, which compares candidates, not checkpoints.
        settings: of training, without the steps.
        runtime: for measuring speed and memory: that of a graph, which is exported if necessary, or "torch"; "auto" is
            a graph if the model can be exported, else torch.
        seed: of the trials.
        work: folder for exported graphs.
        progress: shows the trainings.
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
        """Everything that the result of a trial depends on besides model, data and steps."""
        return repr(
            (self.settings, self.seed, [_content(word) for word in (self.settings.teacher, self.settings.guide)])
        )

    def open(self, folder: Path) -> Encoder:
        """Open a model to measure its quality, in bf16 if the processor supports it."""
        return load_encoder(str(folder), "torch", fast=True)

    def serve(self, folder: Path) -> Callable[[], Encoder]:
        """Prepare a model for the runtime whose speed is measured; returns a function that opens it."""
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
        """Tune a model for `steps` steps; returns the folder of the tuned model in `work`, which is reused."""
        from semtune.train.train_model import train

        keep_freed_memory()  # not earlier, or memory use could no longer be measured
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
    """Make the tools of a selection; arguments as in `semtune.select.select_backbone`.

    Raises:
        InputError: the dev sample has no labels, or only one query.
    """
    evaluator = CandidateEvaluator(part, seed, progress)
    if evaluator.n < LEAST:
        raise InputError("The dev split has only one query or pair, too few to compare candidates. Label more.")
    return Workbench(evaluator, _train_only(dataset), training, settings.runtime, seed, work, progress)


def _content(model: str) -> str:
    """Hash of the weights of a teacher or guide; empty if there is none or it cannot be found."""
    try:
        return contracts.weights_hash(resolve_model(model)) if model else ""
    except SemtuneError:
        return ""  # the trial reports the problem


def _train_only(dataset: Dataset) -> Dataset:
    """The train split of a data set."""
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
    """Shows progress bars without messages: the plans and findings of trials are left out."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    @contextmanager
    def track(self, task: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """Show a bar while the block runs."""
        with self._progress.track(task, total) as advance:
            yield advance

    def say(self, message: str) -> None:
        """Drop the message."""

    def status(self, message: str) -> None:
        """Show the status of the running task."""
        self._progress.status(message)
