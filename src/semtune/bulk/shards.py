"""Shards of the texts: their borders depend on the texts alone, so that every run cuts alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from semtune.bulk.rows import TextRow
from semtune.types import Embeddings

MAX_CHARACTERS = 8 << 20  # of a shard's texts; it bounds the memory where texts are long


@dataclass(slots=True)
class Shard:
    """Texts that follow each other.

    Attributes:
        number: of the shard, from 0.
        texts: to embed.
        rows: (n,) the number of each text's row, from 0.
        ids: of the rows, where the table has ids.
        first_line, last_line: the places of the first and the last text for people.
    """

    number: int
    texts: list[str] = field(default_factory=list)
    rows: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    ids: list[str | None] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    @property
    def empty(self) -> int:
        """Number of texts without a letter."""
        return sum(not text.strip() for text in self.texts)


@dataclass(frozen=True, slots=True)
class Vectors:
    """What became of a shard's texts.

    Attributes:
        values: (n, dim) float32.
        tokens: that were read.
        truncated: texts that were longer than the model reads.
        cut_tokens: of them that were not read.
        unread: places of the texts whose letters the model does not know.
    """

    values: Embeddings
    tokens: int
    truncated: int
    cut_tokens: int
    unread: list[int]


def shards(rows: Iterable[TextRow], size: int) -> Iterator[Shard]:
    """Cut rows into shards of `size` texts; texts of many characters fill a shard earlier."""
    number, kept, characters = 0, [], 0
    for row in rows:
        if kept and (len(kept) == size or characters + len(row.text) > MAX_CHARACTERS):
            yield _shard(number, kept)
            number, kept, characters = number + 1, [], 0
        kept.append(row)
        characters += len(row.text)
    if kept:
        yield _shard(number, kept)


def _shard(number: int, kept: list[TextRow]) -> Shard:
    return Shard(
        number,
        [row.text for row in kept],
        np.array([row.row for row in kept], np.int64),
        [row.id for row in kept],
        [row.line for row in kept],
    )
