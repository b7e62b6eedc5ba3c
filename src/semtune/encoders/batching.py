"""Batches by number of tokens: texts of similar length together, so that little is computed on padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

MAX_TOKENS = 768  # padded tokens per batch: the activations stay in the cache; see benchmarks/LOG.md
MAX_ROWS = 256


def by_length(lengths: Sequence[int], max_tokens: int = MAX_TOKENS, max_rows: int = MAX_ROWS) -> Iterator[list[int]]:
    """Yield lists of positions, longest texts first, each at most `max_tokens` when padded.

    A single text longer than `max_tokens` is a batch by itself. Longest first: a batch that does not fit into memory
    fails at once, and the remaining time is overestimated rather than underestimated.
    """
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    batch: list[int] = []
    for position in order:
        width = lengths[batch[0]] if batch else lengths[position]
        if batch and (len(batch) >= max_rows or (len(batch) + 1) * width > max_tokens):
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch


def pad(ids: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pad token ids on the right; returns (input_ids, attention_mask), both (n, longest).

    The padding id is always 0: padded positions are masked and never pooled.
    """
    width = max(1, *map(len, ids))  # a tokenizer without special tokens makes nothing of an empty text
    lengths = np.array([len(tokens) for tokens in ids])
    return padded(ids, width), (np.arange(width) < lengths[:, None]).astype(np.int64)


def padded(rows: Sequence[Sequence[int]], width: int) -> NDArray[np.int64]:
    """Numbers of tokens as an array (n, width), with zeros on the right."""
    made = np.zeros((len(rows), width), dtype=np.int64)
    for at, row in enumerate(rows):
        made[at, : len(row)] = row
    return made
