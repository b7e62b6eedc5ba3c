"""From the data's shape and size and the machine to loss, batches and number of steps, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from semtune.dataset import Dataset
from semtune.machine import has_bf16
from semtune.train.data.rows import known_texts, summarize_rows
from semtune.train.losses.choice import choose_loss
from semtune.train.planning.batch import TextLengths, plan_batches, texts_per_row
from semtune.train.planning.incompatible_settings import refuse_incompatible
from semtune.train.planning.memory import ModelSizes, step_bytes
from semtune.train.planning.reasons import data_reasons, processes_reason, schedule_reasons, weights_reasons
from semtune.train.planning.schedule import LEARNING_RATE, learning_rate, plan_schedule
from semtune.train.settings import TrainSettings

MAIN_DATASET = "main"  # the one whose dev split counts, where there are several


@dataclass(frozen=True, slots=True)
class ExtraDataset:
    """A further data set that is trained on in the same run.

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
        max_length: tokens that texts are cut at; 0: texts are read whole, as static models do.
        learning_rate: at its peak.
        epochs: passes over the rows.
        bf16: whether matrix products run in bf16 (autocast; weights stay fp32).
        metric: the dev metric that picks the best checkpoint; empty when there is no dev split.
        memory_mb: estimated peak memory of a step; 0: not estimated.
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
    also: tuple[ExtraDataset, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def losses(self) -> list[str]:
        """The loss of each data set, the main one first."""
        return [self.loss, *(extra.loss for extra in self.also)]

    def sentence(self) -> str:
        """The plan in words."""
        precision = "bf16 (the processor has it)" if self.bf16 else "fp32"
        kept = f"best checkpoint by dev {self.metric}" if self.metric else "no dev split: the last step is kept"
        more = "".join(f" + {extra.rows:,} {extra.shape} → {extra.loss}" for extra in self.also)
        return (
            f"{self.rows:,} {self.shape} → {self.loss}{more}, batch {self.batch_size} by length without duplicates, "
            f"{self.epochs:g} epoch{'' if self.epochs == 1 else 's'} = {self.steps:,} steps, {precision}, {kept}"
        )

    def as_dict(self) -> dict[str, object]:
        """The JSON form."""
        return asdict(self)


def plan(
    dataset: Dataset,
    settings: TrainSettings,
    sizes: ModelSizes | None = None,
    lengths: Sequence[int] = (),
    limit: int = 0,
    also: Mapping[str, Dataset] | None = None,
) -> Plan:
    """Choose how to train on `dataset`.

    Args:
        dataset: the one whose dev split chooses the checkpoint.
        settings: what the user asked for; the plan decides what is left open.
        sizes: of the backbone, for the estimate of memory; None: no estimate.
        lengths: token counts of some training texts.
        limit: the backbone's, in tokens; 0: it has none.
        also: further data sets to train on, by name.

    Raises:
        InputError: there is nothing to train on.
        ConfigError: settings do not go together, or the loss does not fit the data.
    """
    rows = summarize_rows(dataset)
    loss, why = choose_loss(rows, settings.loss)
    refuse_incompatible(loss, settings)
    extra = _extra_datasets(also or {})
    bf16 = uses_bf16(settings)
    texts = TextLengths(lengths, min(filter(None, (settings.max_length, limit)), default=0))
    batch = plan_batches(loss, rows, settings, sizes, texts.longest, bf16)
    schedule = plan_schedule([rows.count, *(one.rows for one in extra)], batch.rows, settings)
    metric, dev_rows = _dev_metric(dataset)
    rate = learning_rate(rows, settings)
    memory = step_bytes(sizes, batch.mini_batch * texts_per_row(rows), texts.longest, bf16) if sizes else 0
    return Plan(
        shape=rows.shape,
        loss=batch.loss,
        rows=rows.count,
        dev_rows=dev_rows,
        batch_size=batch.rows,
        epochs=schedule.epochs,
        steps=schedule.steps,
        eval_steps=schedule.eval_steps,
        bf16=bf16,
        metric=metric,
        mini_batch_size=batch.mini_batch,
        gradient_accumulation_steps=batch.accumulated,
        max_length=texts.limit,
        learning_rate=rate,
        memory_mb=round(memory / 1e6) if texts.longest else 0,
        also=extra,
        reasons=(
            f"loss: {loss}, for {rows.count:,} {rows.shape}: {why}",
            *batch.reasons,
            *processes_reason(batch.loss, batch.rows),
            *schedule_reasons(metric, schedule.steps, rate, bf16, settings),
            *weights_reasons(settings),
            *data_reasons(rows.count, texts, settings),
        ),
    )


def uses_bf16(settings: TrainSettings) -> bool:
    """Whether products are computed in bf16."""
    return has_bf16() if settings.precision == "auto" else settings.precision == "bf16"


def _extra_datasets(also: Mapping[str, Dataset]) -> tuple[ExtraDataset, ...]:
    summaries = {name: summarize_rows(data) for name, data in also.items()}
    return tuple(
        ExtraDataset(name, rows.shape, choose_loss(rows, "auto")[0], rows.count) for name, rows in summaries.items()
    )


def _dev_metric(dataset: Dataset) -> tuple[str, int]:
    """What is measured on the dev split, and on how many rows."""
    for metric, rows in (
        ("ndcg@10", dataset.qrels.get("dev")),
        ("spearman", dataset.scored.get("dev")),
        ("accuracy", known_texts(dataset, "dev")),
        ("map@r", dataset.labelled_texts.get("dev")),
    ):
        if rows:
            return metric, len(rows)
    return "", 0
