"""Overlap of training texts with held-out texts: near duplicates, and texts copied into longer ones.

Exact: an inverted index of the held-out texts' word triples finds every candidate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semtune.prepare.dedupe.near_duplicates import THRESHOLD, Fingerprint, Hashes, Rarity, fingerprint

COVERED = 0.8  # if one training text has this share of a held-out text's shingles, it is a copy
MIN_COPIED = 8  # shingles; fewer can be equal by chance
COMMON = 200  # held-out texts; a shingle that occurs in more of them is boilerplate and ignored
CHUNK = 2_000  # training texts at a time

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Overlap:
    """A held-out text and a training text that repeats it, by position.

    Attributes:
        held: position of the held-out text.
        train: position of the training text.
        similarity: as near duplicates, see `semtune.prepare.dedupe.near_duplicates`.
        covered: share of the held-out text that the training text contains: of its shingles or of its words weighted
            by rarity, whichever is smaller.
    """

    held: int
    train: int
    similarity: float
    covered: float

    @property
    def near(self) -> bool:
        """Whether they are near duplicates; otherwise one was copied into the other."""
        return self.similarity >= THRESHOLD


def overlaps(
    held: Sequence[str], train: Sequence[str], collection: Sequence[str] = (), threshold: float = THRESHOLD
) -> list[Overlap]:
    """Every pair of a held-out and a training text where they are near duplicates or the second contains the first.

    Args:
        held: texts of dev and test.
        train: texts of train.
        collection: texts that tell how rare each word is. They should not change when training texts are removed.
            Empty: both sides.
        threshold: similarity from which two texts are near duplicates.
    """
    here = [fingerprint(text) for text in held]
    there = [fingerprint(text) for text in train]
    values, owners = _index(here)
    if not len(values):
        return []
    rarity = Rarity([fingerprint(text) for text in collection] if collection else [*here, *there])
    weights = [rarity.weight(found.words) for found in here]
    sizes = np.asarray([found.shingles.size for found in here])
    result: list[Overlap] = []
    for start in range(0, len(train), CHUNK):
        chunk = there[start : start + CHUNK]
        rows, columns, common = _common(chunk, values, owners, len(held))
        lengths = np.asarray([found.shingles.size for found in chunk])[rows]
        jaccard = common / (sizes[columns] + lengths - common)
        covered = common / sizes[columns]
        copied = (sizes[columns] >= MIN_COPIED) & (covered >= COVERED)
        for place in np.flatnonzero((jaccard >= threshold) | copied):
            row, column = int(rows[place]), int(columns[place])
            one, two = here[column], chunk[row]
            shared = rarity.weight(np.intersect1d(one.words, two.words, assume_unique=True))
            alike = min(jaccard[place], shared / (weights[column] + rarity.weight(two.words) - shared))
            part = min(covered[place], shared / weights[column])
            if alike >= threshold or (copied[place] and part >= COVERED):
                result.append(Overlap(column, start + row, float(alike), float(part)))
    return sorted(result, key=lambda found: (found.held, -found.similarity, found.train))


def _index(prints: Sequence[Fingerprint]) -> tuple[Hashes, Rows]:
    """All shingles in order, and the text of each, without boilerplate."""
    sets = [found.shingles for found in prints]
    if not any(len(found) for found in sets):
        return np.empty(0, np.uint32), np.empty(0, np.int64)
    values = np.concatenate(sets)
    owners = np.repeat(np.arange(len(sets)), [len(found) for found in sets])
    order = np.argsort(values, kind="stable")
    values, owners = values[order], owners[order]
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    rare = counts[inverse] <= COMMON
    return values[rare], owners[rare]


def _common(prints: Sequence[Fingerprint], values: Hashes, owners: Rows, held: int) -> tuple[Rows, Rows, Rows]:
    """Position in `prints`, held-out text, and number of common shingles, for all pairs that have any."""
    sets = [found.shingles for found in prints]
    joined = np.concatenate(sets)
    rows = np.repeat(np.arange(len(sets)), [len(found) for found in sets])
    low, high = np.searchsorted(values, joined, "left"), np.searchsorted(values, joined, "right")
    times = high - low
    places = np.repeat(low, times) + (np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times))
    pairs, counts = np.unique(np.repeat(rows, times) * held + owners[places], return_counts=True)
    return pairs // held, pairs % held, counts
