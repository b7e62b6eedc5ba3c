"""Batches of like length, without duplicates: little padding, no false negatives from repeated texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from sentence_transformers.base.sampler import DefaultBatchSampler

WINDOW = 16  # batches sorted by length together: enough to save the padding, and batches stay random


def length_batches(
    lengths: Sequence[int], keys: Sequence[frozenset[int]], batch_size: int, rng: np.random.Generator
) -> list[list[int]]:
    """Cut rows into ceil(n / batch_size) batches of like length in random order.

    Rows are shuffled, sorted by length within windows of `WINDOW` batches, and a row that shares a text with
    one already in the batch waits for a later batch. Only at the very end, when no batch is left, does such a
    row join one all the same.

    Args:
        lengths: of each row.
        keys: what identifies each row's texts; two rows that share a key do not meet in a batch.
    """
    order = rng.permutation(len(lengths))
    batches: list[list[int]] = []
    waiting: list[int] = []
    for start in range(0, len(order), WINDOW * batch_size):
        window = order[start : start + WINDOW * batch_size].tolist()
        last = start + WINDOW * batch_size >= len(order)
        rows = sorted([*waiting, *window], key=lambda row: -lengths[row])
        made, waiting = _fill(
            rows, keys, batch_size, -(-len(rows) // batch_size) if last else len(window) // batch_size
        )
        batches.extend(made)
    for row in waiting:
        min(batches, key=len).append(row)
    rng.shuffle(batches)  # type: ignore[arg-type]  # a list of lists is shuffled in place
    return [batch for batch in batches if batch]


def _fill(rows: list[int], keys: Sequence[frozenset[int]], size: int, count: int) -> tuple[list[list[int]], list[int]]:
    """Fill `count` batches in order; returns them and the rows that found no place."""
    batches: list[list[int]] = []
    for _ in range(count):
        batch: list[int] = []
        seen: set[int] = set()
        later: list[int] = []
        for at, row in enumerate(rows):
            if len(batch) == size:
                later.extend(rows[at:])
                break
            if seen.isdisjoint(keys[row]):
                batch.append(row)
                seen |= keys[row]
            else:
                later.append(row)
        rows = later
        batches.append(batch)
    return batches, rows


class LengthBatchSampler(DefaultBatchSampler):
    """`length_batches` as the Trainer wants it: a function of seed and epoch, so that a resume repeats it."""

    def __init__(self, dataset, batch_size, drop_last, valid_label_columns=None, generator=None, seed=0) -> None:  # noqa: ANN001 - the Trainer's signature
        super().__init__(dataset, batch_size, drop_last, valid_label_columns, generator, seed)
        columns = [column for column in dataset.column_names if column not in (valid_label_columns or [])]
        texts = [dataset[column] for column in columns]
        self._lengths = [sum(map(len, row)) for row in zip(*texts, strict=True)]
        # Scored pairs may repeat a sentence in a batch; only in-batch negatives mind.
        unique = not any(column in dataset.column_names for column in valid_label_columns or [])
        self._keys = [
            frozenset(map(hash, row)) if unique else frozenset((i,)) for i, row in enumerate(zip(*texts, strict=True))
        ]
        self._size = batch_size
        self._seed = seed

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the epoch's batches."""
        rng = np.random.default_rng([self._seed, self.epoch])
        yield from length_batches(self._lengths, self._keys, self._size, rng)

    def __len__(self) -> int:
        return -(-len(self._lengths) // self._size)
