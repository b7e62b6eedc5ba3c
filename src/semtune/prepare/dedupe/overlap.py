"""Held-out texts that training texts give away: near duplicates, and texts copied into longer ones.

Exact, by an inverted index of the held-out texts' word triples; no candidate is missed by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semtune.prepare.dedupe.near_duplicates import THRESHOLD, Fingerprint, Hashes, Rarity, fingerprint

COVERED = 0.8  # share of a held-out text's shingles that one training text has: then it was copied
MIN_COPIED = 8  # shingles; fewer words stand together by chance
COMMON = 200  # a shingle of more held-out texts than this is boilerplate and counts for none
CHUNK = 2_000  # training texts at a time

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Overlap:
    """A held-out text and the training text closest to it, by their positions.

    Attributes:
        held: position of the held-out text.
        train: position of the training text.
        similarity: as near duplicates, see `semtune.prepare.dedupe.near_duplicates`.
        covered: share of the held-out text that the training text has: the smaller of those of its shingles and
            of its words weighted by rarity.
    """

    held: int
    train: int
    similarity: float
    covered: float

    @property
    def near(self) -> bool:
        """Whether they are near duplicates; else the one was copied into the other."""
        return self.similarity >= THRESHOLD


def overlaps(
    held: Sequence[str], train: Sequence[str], collection: Sequence[str] = (), threshold: float = THRESHOLD
) -> list[Overlap]:
    """Every pair of a held-out and a training text that are near duplicates, or where the first was copied.

    Args:
        held: texts of dev and test.
        train: texts of train; order decides only positions.
        collection: what words are counted in, to know which are rare: something that stays the same when training
            texts are taken out. Empty: both sides.
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
    """All shingles in order, and the text of each; boilerplate left out."""
    sets = [found.shingles for found in prints]
    if not any(len(found) for found in sets):
        return np.empty(0, np.uint64), np.empty(0, np.int64)
    values = np.concatenate(sets)
    owners = np.repeat(np.arange(len(sets)), [len(found) for found in sets])
    order = np.argsort(values, kind="stable")
    values, owners = values[order], owners[order]
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    rare = counts[inverse] <= COMMON
    return values[rare], owners[rare]


def _common(prints: Sequence[Fingerprint], values: Hashes, owners: Rows, held: int) -> tuple[Rows, Rows, Rows]:
    """Rows of `prints`, held-out texts, and the number of common shingles, wherever there is one."""
    sets = [found.shingles for found in prints]
    joined = np.concatenate(sets)
    rows = np.repeat(np.arange(len(sets)), [len(found) for found in sets])
    low, high = np.searchsorted(values, joined, "left"), np.searchsorted(values, joined, "right")
    times = high - low
    places = np.repeat(low, times) + (np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times))
    pairs, counts = np.unique(np.repeat(rows, times) * held + owners[places], return_counts=True)
    return pairs // held, pairs % held, counts
