"""Batches of rows of similar length without duplicates: little padding, no false negatives from repeated texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sentence_transformers.base.sampler import DefaultBatchSampler

from semtune.train.data.class_batches import ClassBatchSampler

MOST_EXCHANGES = 200  # rows for which an exchange is looked for at the end of an epoch
SORTED_BATCHES = 16  # batches sorted by length together: enough to save the padding, and batches stay random


def length_batches(
    lengths: Sequence[int], keys: Sequence[frozenset[int]], batch_size: int, rng: np.random.Generator
) -> list[list[int]]:
    """Cut rows into ceil(n / batch_size) batches of similar length in random order.

    Rows are shuffled and then sorted by length within windows of `SORTED_BATCHES` batches. A row that shares a text
    with one already in the batch waits for a later batch. A row that is left over at the end changes places with
    another one; only where no exchange helps does it join a batch that has its text.

    Args:
        lengths: of each row.
        keys: identify each row's texts; two rows that share a key are not put into the same batch.
    """
    order = rng.permutation(len(lengths))
    total = -(-len(lengths) // batch_size)
    batches: list[list[int]] = []
    waiting: list[int] = []
    for start in range(0, len(order), SORTED_BATCHES * batch_size):
        window = order[start : start + SORTED_BATCHES * batch_size].tolist()
        last = start + SORTED_BATCHES * batch_size >= len(order)
        rows = sorted([*waiting, *window], key=lambda row: -lengths[row])
        made, waiting = _fill(rows, keys, batch_size, total - len(batches) if last else len(window) // batch_size)
        batches.extend(made)
    _LeftoverRows(batches, keys, batch_size).place(waiting)
    rng.shuffle(batches)  # type: ignore[arg-type]  # a list of lists is shuffled in place
    return batches


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


class _LeftoverRows:
    """Finds places in open batches for the rows that are left over."""

    def __init__(self, batches: list[list[int]], keys: Sequence[frozenset[int]], size: int) -> None:
        self._batches, self._keys, self._size = batches, keys, size
        self._seen = [Counter(key for row in batch for key in keys[row]) for batch in batches]
        self._open = [at for at, batch in enumerate(batches) if len(batch) < size]

    def place(self, waiting: list[int]) -> None:
        """Put each row into an open batch without its texts, make room by an exchange, or take any open batch.

        If more rows wait than `MOST_EXCHANGES`, texts repeat so often that some must meet; looking for exchanges
        would then be slow and useless.
        """
        for number, row in enumerate(waiting):
            at = self._free(row) if number < MOST_EXCHANGES else None
            if at is None and number < MOST_EXCHANGES and (exchange := self._exchange(row)):
                full, member, at = exchange
                self._batches[full].remove(member)
                self._seen[full].subtract(self._keys[member])
                self._move(row, full)
                row = member
            self._move(row, self._open[-1] if at is None else at)
            self._open = [at for at in self._open if len(self._batches[at]) < self._size]

    def _fits(self, row: int, at: int, leaving: frozenset[int] = frozenset()) -> bool:
        return all(self._seen[at][key] <= (key in leaving) for key in self._keys[row])

    def _move(self, row: int, at: int) -> None:
        self._batches[at].append(row)
        self._seen[at].update(self._keys[row])

    def _free(self, row: int) -> int | None:
        return next((at for at in self._open if self._fits(row, at)), None)

    def _exchange(self, row: int) -> tuple[int, int, int] | None:
        """A full batch, its member that goes, and the open batch it goes to, so that the row can take its place."""
        for full, batch in enumerate(self._batches):
            if len(batch) < self._size or sum(self._seen[full][key] > 0 for key in self._keys[row]) > 1:
                continue
            for member in batch:
                if self._fits(row, full, self._keys[member]) and (at := self._free(member)) is not None:
                    return full, member, at
        return None


class LengthBatchSampler(DefaultBatchSampler):
    """`length_batches` for the Trainer: a function of seed and epoch, so that a resumed training repeats it."""

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
        columns = [column for column in dataset.column_names if column not in (valid_label_columns or [])]
        texts = [dataset[column] for column in columns]
        self._lengths = [sum(map(len, row)) for row in zip(*texts, strict=True)]
        # Scored pairs may repeat a sentence in a batch; it only harms in-batch negatives.
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


def batch_sampler(
    dataset: Any,
    batch_size: int,
    drop_last: bool,
    valid_label_columns: list[str] | None = None,
    generator: Any = None,
    seed: int = 0,
) -> DefaultBatchSampler:
    """The sampler that a table needs: batches of single labelled texts hold several of each class."""
    texts = [column for column in dataset.column_names if column not in (valid_label_columns or [])]
    if len(texts) == 1 and len(dataset.column_names) > 1 and isinstance(dataset[0][dataset.column_names[-1]], int):
        return ClassBatchSampler(dataset, batch_size, drop_last, valid_label_columns, generator, seed)
    return LengthBatchSampler(dataset, batch_size, drop_last, valid_label_columns, generator, seed)
