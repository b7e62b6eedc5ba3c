"""Batches of texts with classes: several texts of each class in every batch, and every text once an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sentence_transformers.base.sampler import DefaultBatchSampler

TOGETHER = 4  # texts of a class that stay together: as many positives as a class of few texts has, and many classes


def class_batches(classes: Sequence[int], batch_size: int, rng: np.random.Generator) -> list[list[int]]:
    """Cut rows into ceil(n / batch_size) batches in which most texts meet others of their class.

    The rows of each class are shuffled and cut into groups of `TOGETHER`; what is left over joins the last group, so
    that a row is alone only where its class has no other. The groups of all classes are shuffled and laid end to end.

    Args:
        classes: the class of each row.
        batch_size: rows a batch; the last one may be shorter.
        rng: shuffles.
    """
    members: dict[int, list[int]] = {}
    for row in rng.permutation(len(classes)).tolist():
        members.setdefault(classes[row], []).append(row)
    groups = [group for rows in members.values() for group in _groups(rows)]
    order = [row for at in rng.permutation(len(groups)).tolist() for row in groups[at]]
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def _groups(rows: list[int]) -> list[list[int]]:
    whole = max(1, len(rows) // TOGETHER)
    groups = [rows[at * TOGETHER : (at + 1) * TOGETHER] for at in range(whole)]
    groups[-1] += rows[whole * TOGETHER :]
    return groups


class ClassBatchSampler(DefaultBatchSampler):
    """`class_batches` for the Trainer: a function of seed and epoch, so that a resumed training repeats it.

    sentence-transformers' `GroupByLabelBatchSampler` leaves out classes of one text and the rest of large classes.
    """

    def __init__(  # the Trainer's signature
        self,
        dataset: Any,
        batch_size: int,
        drop_last: bool,
        valid_label_columns: list[str] | None = None,
        generator: Any = None,
        seed: int = 0,
    ) -> None:
        super().__init__(dataset, batch_size, drop_last, valid_label_columns, generator, seed)
        self._classes = list(dataset[dataset.column_names[-1]])
        self._size, self._seed = batch_size, seed

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the epoch's batches."""
        yield from class_batches(self._classes, self._size, np.random.default_rng([self._seed, self.epoch]))

    def __len__(self) -> int:
        return -(-len(self._classes) // self._size)
