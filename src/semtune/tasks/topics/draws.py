"""Choices that look random but follow from the texts themselves.

Each text has a key, a hash of its content. Samples are the texts with the smallest keys after mixing with a seed, so
neither the order of the file nor a text that is added elsewhere changes whether a text is drawn (consistent sampling,
as in Broder 1997). That is half of what keeps topics the same when documents come in.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from semtune.text import stable_hash

Keys = NDArray[np.uint64]  # (n,)
Rows = NDArray[np.int64]

# The constants of splitmix64 (Steele, Lea & Flood 2014).
STEP, FIRST, SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def keys_of(texts: Sequence[str]) -> Keys:
    """(n,) a 64-bit hash of each text."""
    return np.fromiter((stable_hash(text) for text in texts), dtype=np.uint64, count=len(texts))


def distinct(keys: Keys) -> tuple[Rows, Rows]:
    """The first row of each distinct key, in the order of the keys; and for every row its place among them."""
    _, first, place = np.unique(keys, return_index=True, return_inverse=True)
    return first.astype(np.int64), place.astype(np.int64)


def mixed(keys: Keys, seed: int) -> Keys:
    """The keys in another random order: the same key and seed always give the same number."""
    with np.errstate(over="ignore"):
        value = keys + np.uint64((seed + 1) * STEP % 2**64)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(FIRST)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(SECOND)
    return value ^ (value >> np.uint64(31))


def drawn(keys: Keys, count: int, seed: int) -> Rows:
    """Rows of `count` keys, or of all if there are fewer, in ascending order."""
    if count >= len(keys):
        return np.arange(len(keys), dtype=np.int64)
    return np.sort(np.argpartition(mixed(keys, seed), count)[:count]).astype(np.int64)
