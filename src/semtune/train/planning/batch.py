"""How many rows a step takes, and how many of them are computed at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from semtune.train.data.rows import RowsSummary
from semtune.train.losses.catalogue import LOSSES, cached_variant, compares_rows
from semtune.train.planning.memory import ModelSizes, fitting_rows
from semtune.train.settings import TrainSettings


@dataclass(frozen=True, slots=True)
class TextLengths:
    """How long the training texts are.

    Attributes:
        sample: token counts of some of them; may be empty.
        limit: tokens at which they are cut; 0: they are read whole.
    """

    sample: Sequence[int] = ()
    limit: int = 0

    @property
    def longest(self) -> int:
        """Tokens of the longest text, as the model reads it; 0 where it is not known."""
        longest = max(self.sample, default=0)
        return min(longest, self.limit) if self.limit else longest

    @property
    def cut_share(self) -> float:
        """Share of the texts that are longer than the limit."""
        return sum(size > self.limit for size in self.sample) / len(self.sample) if self.limit and self.sample else 0.0


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """The batches of a training.

    Attributes:
        loss: the loss that was chosen, or its cached variant where memory is short.
        rows: per step.
        mini_batch: rows computed at a time.
        accumulated: batches that make one step.
        reasons: why, one sentence each.
    """

    loss: str
    rows: int
    mini_batch: int
    accumulated: int = 1
    reasons: list[str] = field(default_factory=list)


def plan_batches(
    loss: str, rows: RowsSummary, settings: TrainSettings, sizes: ModelSizes | None, longest: int, bf16: bool
) -> BatchPlan:
    """Choose rows per step and rows at a time.

    Args:
        loss: a name from `LOSSES`.
        rows: of the data set.
        settings: what the user asked for.
        sizes: of the model, for the estimate of memory; None: everything fits.
        longest: tokens of the longest text; 0: not known, everything fits.
        bf16: whether products are computed in bf16.
    """
    wanted = min(settings.per_device_train_batch_size, rows.count)
    fits = fitting_rows(sizes, wanted, texts_per_row(rows), longest, bf16) if sizes and longest else wanted
    mini = min(settings.mini_batch_size or fits, wanted)
    negatives = f", so {_negatives(rows, wanted)} negatives per anchor" if LOSSES[loss].in_batch else ""
    reasons = [f"batch: {wanted} rows{negatives}"]
    if mini >= wanted:
        return BatchPlan(loss, wanted, wanted, settings.gradient_accumulation_steps, reasons)
    why = "" if settings.mini_batch_size else f" {wanted} rows of {longest} tokens do not fit into memory;"
    return _in_parts(loss, wanted, mini, settings.gradient_accumulation_steps, why, reasons)


def _in_parts(loss: str, wanted: int, mini: int, accumulated: int, why: str, reasons: list[str]) -> BatchPlan:
    """A batch of `wanted` rows from mini-batches, with the same result where the loss allows it."""
    if cached := cached_variant(loss):
        reasons.append(f"mini-batch:{why} {cached} computes {mini} at a time: same gradient, same number of negatives")
        return BatchPlan(cached, wanted, mini, 1, reasons)
    if not compares_rows(loss):
        parts = math.ceil(wanted / mini)
        reasons.append(f"mini-batch:{why} {parts} batches of {mini} rows are accumulated into one step")
        return BatchPlan(loss, mini * parts, mini, parts * accumulated, reasons)
    reasons.append(f"mini-batch:{why} {loss} compares the rows of a batch, so the batch was reduced to {mini} rows")
    return BatchPlan(loss, mini, mini, 1, reasons)


def texts_per_row(rows: RowsSummary) -> int:
    """How many texts a training row has."""
    return 1 if rows.shape == "labelled texts" else 2 + rows.negatives


def _negatives(rows: RowsSummary, batch: int) -> int:
    return (batch - 1) * (1 + rows.negatives) + rows.negatives
