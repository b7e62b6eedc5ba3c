"""From the data's shape, its size and the machine to the loss, the batches and the number of steps, with reasons."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from semtune.dataset import Dataset
from semtune.errors import ConfigError
from semtune.machine import has_bf16
from semtune.train.data.rows import Material, material
from semtune.train.losses import LOSSES, NOT_MATRYOSHKA, check_options, choose, joint
from semtune.train.memory import Backbone, fitting_rows, step_bytes
from semtune.train.processes import world
from semtune.train.settings import TrainSettings

LEARNING_RATE = 2e-5
SCORED_RATE = 5e-5  # found on STS-B's dev part: 0.881, against 0.876 at 2e-5 and 0.878 at 1e-4 (benchmarks/lift.py)
LORA_RATE = 2e-4  # adapters begin at zero and take ten times the rate (Hu et al. 2021)
MAIN = "main"  # the data set whose dev split counts, where there are several
SMALL = 1_000  # rows; below, a run proves little


@dataclass(frozen=True, slots=True)
class Task:
    """One data set of a run that has several.

    Attributes:
        name: of the data set.
        shape: of its rows.
        loss: it is trained with.
        rows: how many.
    """

    name: str
    shape: str
    loss: str
    rows: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be trained, and why.

    Attributes:
        shape: what a training row is.
        loss: the sentence-transformers loss.
        rows, dev_rows: training rows, and rows or queries that the dev metric is measured on.
        batch_size, steps, eval_steps: in rows and optimiser steps.
        mini_batch_size: rows computed at a time.
        gradient_accumulation_steps: batches of `mini_batch_size` that make one step; 1 unless memory is short.
        max_length: tokens that texts are cut at.
        learning_rate: at its peak.
        epochs: passes over the rows.
        bf16: whether matrix products run in bf16 (autocast; weights stay fp32).
        metric: the dev metric that picks the best checkpoint; empty when there is no dev split.
        memory_mb: what a step takes at its peak, estimated; 0: not estimated.
        also: further data sets of the run.
        reasons: each choice in a sentence.
    """

    shape: str
    loss: str
    rows: int
    dev_rows: int
    batch_size: int
    epochs: float
    steps: int
    eval_steps: int
    bf16: bool
    metric: str
    mini_batch_size: int = 0
    gradient_accumulation_steps: int = 1
    max_length: int = 0
    learning_rate: float = LEARNING_RATE
    memory_mb: int = 0
    also: tuple[Task, ...] = ()
    reasons: tuple[str, ...] = ()

    def sentence(self) -> str:
        """The plan in words."""
        half = "bf16 (the processor has it)" if self.bf16 else "fp32"
        choose = f"best checkpoint by dev {self.metric}" if self.metric else "no dev split: the last step is kept"
        more = "".join(f" + {task.rows:,} {task.shape} → {task.loss}" for task in self.also)
        return (
            f"{self.rows:,} {self.shape} → {self.loss}{more}, batch {self.batch_size} by length without duplicates, "
            f"{self.epochs:g} epoch{'' if self.epochs == 1 else 's'} = {self.steps:,} steps, {half}, {choose}"
        )

    def as_dict(self) -> dict[str, object]:
        """The JSON form."""
        return asdict(self)


def plan(
    dataset: Dataset,
    settings: TrainSettings,
    backbone: Backbone | None = None,
    lengths: Sequence[int] = (),
    limit: int = 0,
    also: Mapping[str, Dataset] | None = None,
) -> Plan:
    """Choose how to train on `dataset`.

    Args:
        dataset: the one whose dev split chooses the checkpoint.
        settings: what is asked for; the plan decides what is left open.
        backbone: its sizes, for the estimate of memory; None: no estimate.
        lengths: tokens of some training texts.
        limit: the backbone's, in tokens.
        also: further data sets to train on, by name.

    Raises:
        InputError: there is nothing to train on.
        ConfigError: a setting is out of range, or the loss does not fit the data.
    """
    found = material(dataset)
    loss, why = choose(found, settings.loss)
    check_options(loss, settings.loss_options)
    _refuse_accumulation(loss, settings)
    _refuse_matryoshka(loss, settings)
    _refuse_without_teacher(loss, settings)
    others = {name: material(data) for name, data in (also or {}).items()}
    tasks = tuple(Task(name, m.shape, choose(m, "auto")[0], m.rows) for name, m in others.items())
    bf16 = in_bf16(settings)
    reasons = [f"loss: {loss}, for {found.rows:,} {found.shape}: {why}"]
    length = min(filter(None, (settings.max_length, limit)), default=0)
    longest = min(max(lengths, default=0), length) if length else max(lengths, default=0)
    batch, mini, accumulated, loss = _batches(loss, found, settings, backbone, longest, bf16, reasons)
    together = world()
    if together > 1:
        what = f", so {together * batch} rows a step, negatives of all of them" if LOSSES[loss].in_batch else ""
        reasons.append(f"processes: {together}, each with a batch of its own{what}")
    per_epoch = sum(
        math.ceil(math.ceil(rows / batch) / together) for rows in (found.rows, *(task.rows for task in tasks))
    )
    steps = settings.max_steps if settings.max_steps > 0 else max(1, math.ceil(per_epoch * settings.num_train_epochs))
    metric, dev = _metric(dataset)
    rate = settings.learning_rate or _rate(found, settings)
    reasons += _reasons(found, metric, steps, rate, bf16, settings)
    if length and (cut := sum(size > length for size in lengths)):
        reasons.append(
            f"length: {cut / len(lengths):.0%} of the texts are longer than {length} tokens; what is beyond is not read"
        )
    texts = mini * _columns(found)
    return Plan(
        shape=found.shape,
        loss=loss,
        rows=found.rows,
        dev_rows=dev,
        batch_size=batch,
        epochs=settings.num_train_epochs if settings.max_steps <= 0 else round(steps / per_epoch, 3),
        steps=steps,
        eval_steps=max(1, min(steps, round(per_epoch / settings.eval_per_epoch))),
        bf16=bf16,
        metric=metric,
        mini_batch_size=mini,
        gradient_accumulation_steps=accumulated,
        max_length=length,
        learning_rate=rate,
        memory_mb=round(step_bytes(backbone, texts, longest, bf16) / 1e6) if backbone and longest else 0,
        also=tasks,
        reasons=tuple(reasons),
    )


def _rate(found: Material, settings: TrainSettings) -> float:
    if settings.lora_rank:
        return LORA_RATE
    return SCORED_RATE if found.shape == "scored pairs" else LEARNING_RATE


def in_bf16(settings: TrainSettings) -> bool:
    """Whether products are computed in bf16."""
    return has_bf16() if settings.precision == "auto" else settings.precision == "bf16"


def halved(chosen: Plan) -> Plan | None:
    """The same plan with half the mini-batch, after memory gave out; None if it cannot be halved without another result.

    Losses with a cached twin compute the same gradient from mini-batches; those whose rows do not compare with each
    other accumulate.
    """
    mini = chosen.mini_batch_size // 2
    if mini < 1:
        return None
    loss, accumulated = chosen.loss, chosen.gradient_accumulation_steps
    if loss.startswith("Cached") or LOSSES[loss].cached:
        loss = LOSSES[loss].cached or loss
        reason = f"mini-batch: memory gave out; {loss} goes on with {mini} rows at a time, the same gradient"
    elif joint(loss) or chosen.mini_batch_size % 2:
        return None
    else:
        accumulated *= 2
        reason = f"mini-batch: memory gave out; {accumulated} batches of {mini} rows now make one step"
    return replace(
        chosen,
        loss=loss,
        mini_batch_size=mini,
        gradient_accumulation_steps=accumulated,
        memory_mb=chosen.memory_mb // 2,
        reasons=(*chosen.reasons, reason),
    )


def _columns(found: Material) -> int:
    """Texts a row has."""
    return 1 if found.shape in {"labelled texts"} else 2 + found.negatives


def _batches(
    loss: str,
    found: Material,
    settings: TrainSettings,
    backbone: Backbone | None,
    longest: int,
    bf16: bool,
    reasons: list[str],
) -> tuple[int, int, int, str]:
    """Rows a step, rows at a time, batches a step, and the loss, which memory may change for its cached twin."""
    wanted = min(settings.per_device_train_batch_size, found.rows)
    fits = fitting_rows(backbone, wanted, _columns(found), longest, bf16) if backbone and longest else wanted
    mini = min(settings.mini_batch_size or fits, wanted)
    short = "" if settings.mini_batch_size else f" {wanted} rows of {longest} tokens would not fit into the memory;"
    if LOSSES[loss].in_batch:
        reasons.append(f"batch: {wanted} rows, so {_negatives(found, wanted)} negatives an anchor")
    else:
        reasons.append(f"batch: {wanted} rows")
    if mini >= wanted:
        return wanted, wanted, settings.gradient_accumulation_steps, loss
    if loss.startswith("Cached") or LOSSES[loss].cached:
        loss = LOSSES[loss].cached or loss
        reasons.append(f"mini-batch:{short} computed {mini} at a time by {loss}: the same gradient, as many negatives")
        return wanted, mini, 1, loss
    if not joint(loss):
        steps = math.ceil(wanted / mini)
        reasons.append(f"mini-batch:{short} {steps} batches of {mini} rows are accumulated to one step")
        return mini * steps, mini, steps * settings.gradient_accumulation_steps, loss
    reasons.append(f"mini-batch:{short} {loss} compares the rows of a batch, so the batch itself became {mini} rows")
    return mini, mini, 1, loss


def _negatives(found: Material, batch: int) -> int:
    return (batch - 1) * (1 + found.negatives) + found.negatives


def _metric(dataset: Dataset) -> tuple[str, int]:
    """What the dev split can be judged by, and on how many rows."""
    for metric, rows in (
        ("ndcg@10", dataset.qrels.get("dev")),
        ("spearman", dataset.scored.get("dev")),
        ("map@r", dataset.labelled_texts.get("dev")),
    ):
        if rows:
            return metric, len(rows)
    return "", 0


def _reasons(found: Material, metric: str, steps: int, rate: float, bf16: bool, settings: TrainSettings) -> list[str]:
    made = [
        f"learning rate: {rate:g} with {settings.warmup_steps:g} of the steps to warm up"
        if settings.warmup_steps < 1
        else f"learning rate: {rate:g} after {settings.warmup_steps:g} steps of warm-up",
        f"steps: {steps:,}; dev {metric} picks the best checkpoint" if metric else f"steps: {steps:,}; no dev split",
        "precision: bf16 products, fp32 weights" if bf16 else "precision: fp32",
    ]
    if settings.lora_rank:
        made.append(f"weights: adapters of rank {settings.lora_rank} are trained, and merged at the end")
    if settings.freeze_layers:
        made.append(f"weights: the embeddings and the first {settings.freeze_layers} layers stay as they are")
    if settings.layer_lr_decay < 1:
        made.append(f"learning rate: each layer's is {settings.layer_lr_decay:g} times that of the layer above it")
    if found.rows < SMALL:
        made.append(
            f"small data: {found.rows:,} rows; expect a small gain, and trust the test more than the dev metric"
        )
    if settings.matryoshka_dims:
        made.append(f"matryoshka: vectors can be cut to {', '.join(map(str, settings.matryoshka_dims))} dimensions")
    return made


def _refuse_accumulation(loss: str, settings: TrainSettings) -> None:
    count = settings.gradient_accumulation_steps
    if count == 1 or not joint(loss):
        return
    what = "adds no in-batch negatives" if LOSSES[loss].in_batch else "compares no more rows with each other"
    cached = LOSSES[loss].cached
    batch = settings.per_device_train_batch_size * count
    instead = (
        f"For {batch} rows at once say per_device_train_batch_size: {batch}; where memory is short {cached} computes them in mini-batches."
        if cached or loss.startswith("Cached")
        else f"Say per_device_train_batch_size: {batch}."
    )
    raise ConfigError(
        f"train.gradient_accumulation_steps is {count}: with {loss} it {what}, it only averages gradients. {instead}"
    )


def _refuse_matryoshka(loss: str, settings: TrainSettings) -> None:
    if settings.matryoshka_dims and loss in NOT_MATRYOSHKA:
        raise ConfigError(
            f"train.matryoshka_dims does not go with {loss}, which needs the whole vector. Leave it out, or choose another loss."
        )


def _refuse_without_teacher(loss: str, settings: TrainSettings) -> None:
    if LOSSES[loss].needs == "teacher" and not settings.teacher:
        raise ConfigError(f"train.loss {loss} learns from another model. Name it in train.teacher.")
    if settings.teacher and LOSSES[loss].needs != "teacher":
        learners = ", ".join(name for name, spec in LOSSES.items() if spec.needs == "teacher")
        raise ConfigError(f"train.teacher is set, and {loss} does not heed one. Losses that do: {learners}.")
