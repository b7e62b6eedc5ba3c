"""Near duplicates: texts that share most of their word triples, and most of their rare words.

Two texts are near duplicates if two similarities are 0.7 or more: the Jaccard similarity of their sets of three-word
shingles (Broder 1997), and that of their words weighted by rarity. The second one keeps texts of one template apart
("What are the symptoms of asthma?", "... of anthrax?"), which differ in few words, but in those that matter. Candidates
come from MinHash signatures and locality-sensitive hashing (Indyk and Motwani 1998), and each is verified on the sets
themselves: there are no false positives, and about one in a hundred pairs at the threshold is missed.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from semtune.text import CJK

THRESHOLD = 0.7
SHINGLE = 3  # words
BANDS, ROWS = 25, 5  # P(candidate) at similarity s is 1 - (1 - s^5)^25: 0.99 at 0.7, 0.55 at 0.5, 0.06 at 0.3
CHUNK = 1 << 19  # shingles hashed at a time
SEED = 0x5E37
BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, its bits well mixed
REMEMBERED = 1 << 18  # cached fingerprints, about 1 KB each; with fewer than texts, none would be found again
_TOKEN = re.compile(rf"[{CJK}]|\w+")
_ASCII_TOKEN = re.compile(r"\w+")  # a third faster

Hashes = NDArray[np.uint32]  # sorted, distinct


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A text's fingerprint: hashes of its distinct words, and of its distinct word triples."""

    words: Hashes
    shingles: Hashes


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """Two near duplicates, by position, and the smaller of their two similarities."""

    first: int
    second: int
    similarity: float


class Rarity:
    """Weight of a word: 1 + 4 log(1 + texts / texts with it) / log(1 + texts), from about 1 to 5.

    Bounded, so that one unusual word in thirty does not make two copies of a text look different.
    """

    def __init__(self, prints: Sequence[Fingerprint]) -> None:
        """Count the words of a collection; words that do not occur in it count as the rarest."""
        joined = np.concatenate([found.words for found in prints] or [np.empty(0, np.uint32)])
        self._words, counts = np.unique(joined, return_counts=True)
        self._weights = 1.0 + 4.0 * np.log1p(len(prints) / counts) / np.log1p(max(1, len(prints)))

    def weight(self, words: Hashes) -> float:
        """Sum of the weights of distinct words."""
        if not self._words.size:
            return 5.0 * words.size
        places = np.minimum(np.searchsorted(self._words, words), self._words.size - 1)
        return float(np.where(self._words[places] == words, self._weights[places], 5.0).sum())


@lru_cache(maxsize=REMEMBERED)  # several steps compare the same text
def fingerprint(text: str) -> Fingerprint:
    """Hashes of the words and word triples of a text, ignoring case; a shorter text is a single shingle."""
    words = _words(text)
    if not words.size:
        return Fingerprint(words, words)
    mixed = _mixed(words, min(SHINGLE, len(words)))
    return Fingerprint(_distinct(words), _distinct(mixed))


def shingles(text: str, width: int) -> Hashes:
    """Distinct hashes of the runs of `width` words of a text, ignoring case; none if it has fewer words."""
    words = _words(text)
    return _distinct(_mixed(words, width)) if words.size >= width else words[:0]


def in_both(one: Hashes, two: Hashes) -> int:
    """How many hashes are in both."""
    return int(np.intersect1d(one, two, assume_unique=True).size)


def similarity(one: Fingerprint, two: Fingerprint, rarity: Rarity, least: float = 0.0) -> float:
    """The smaller of the Jaccard similarities of shingles and of weighted words; 0 below `least` or for empty texts."""
    common = in_both(one.shingles, two.shingles)
    total = one.shingles.size + two.shingles.size - common
    if not common or common / total < least:
        return 0.0
    shared = rarity.weight(np.intersect1d(one.words, two.words, assume_unique=True))
    weight = rarity.weight(one.words) + rarity.weight(two.words) - shared
    return min(common / total, shared / weight)


def near_duplicates(prints: Sequence[Fingerprint], threshold: float = THRESHOLD) -> list[NearDuplicate]:
    """Pairs of near duplicates, ordered by position.

    In a large set of similar texts each is compared with the first and with the previous one only, which connects them
    all without listing every pair.

    Args:
        prints: of each text, from `fingerprint`.
        threshold: similarity from which two texts are near duplicates.
    """
    filled = [i for i, found in enumerate(prints) if found.shingles.size]
    if not filled:
        return []
    rarity = Rarity([prints[i] for i in filled])
    signatures = minhash([prints[i].shingles for i in filled])
    seen: set[tuple[int, int]] = set()
    result: list[NearDuplicate] = []
    for a, b in _candidates(signatures):
        pair = (filled[min(a, b)], filled[max(a, b)])
        if pair in seen:
            continue
        seen.add(pair)
        alike = similarity(prints[pair[0]], prints[pair[1]], rarity, threshold)
        if alike >= threshold:
            result.append(NearDuplicate(*pair, alike))
    return sorted(result, key=lambda near: (near.first, near.second))


def minhash(sets: Sequence[Hashes]) -> NDArray[np.uint32]:
    """MinHash signatures, (n, BANDS * ROWS), of n sets that are not empty (Broder 1997)."""
    rng = np.random.default_rng(SEED)
    factors = rng.integers(1, 2**63, BANDS * ROWS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    shifts = rng.integers(0, 2**63, BANDS * ROWS, dtype=np.uint64)
    signatures = np.empty((len(sets), BANDS * ROWS), dtype=np.uint32)
    for start, stop in _spans([len(found) for found in sets]):
        joined = np.concatenate(sets[start:stop]).astype(np.uint64)
        begins = np.concatenate([[0], np.cumsum([len(found) for found in sets[start : stop - 1]])]).astype(np.intp)
        for column, (factor, shift) in enumerate(zip(factors, shifts, strict=True)):
            hashed = ((joined * factor + shift) >> np.uint64(32)).astype(np.uint32)
            signatures[start:stop, column] = np.minimum.reduceat(hashed, begins)
    return signatures


def _candidates(signatures: NDArray[np.uint32]) -> Iterator[tuple[int, int]]:
    """Pairs of rows that are equal in a whole band."""
    for band in range(BANDS):
        part = signatures[:, band * ROWS : (band + 1) * ROWS]
        hashed = np.zeros(len(part), dtype=np.uint64)
        for column in part.T:
            hashed = _mix(hashed ^ column.astype(np.uint64))
        order = np.argsort(hashed, kind="stable")
        equal = np.flatnonzero(hashed[order][1:] == hashed[order][:-1]) + 1
        first = -1
        for place in equal:
            before, here = int(order[place - 1]), int(order[place])
            if first < 0 or hashed[first] != hashed[here]:
                first = before
            yield first, here
            if before != first:
                yield before, here


def _spans(lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Cut the rows into ranges of about CHUNK shingles."""
    start = total = 0
    for row, length in enumerate(lengths):
        if total and total + length > CHUNK:
            yield start, row
            start, total = row, 0
        total += length
    if start < len(lengths):
        yield start, len(lengths)


def _distinct(values: Hashes) -> Hashes:
    """Like `np.unique`, but three times as fast on short arrays."""
    values = np.sort(values)
    keep = np.ones(len(values), dtype=bool)
    np.not_equal(values[1:], values[:-1], out=keep[1:])
    return values[keep]


def _words(text: str) -> NDArray[np.uint32]:
    tokens = (_ASCII_TOKEN if text.isascii() else _TOKEN).findall(text.casefold())
    return np.asarray([zlib.crc32(token.encode("utf-8", "surrogatepass")) for token in tokens], dtype=np.uint32)


def _mixed(words: NDArray[np.uint32], width: int) -> NDArray[np.uint32]:
    """A hash of each run of `width` words: a polynomial of the words' hashes, its bits spread."""
    count = len(words) - width + 1
    mixed = np.full(count, np.uint64(width))
    for offset in range(width):
        mixed = mixed * BASE + words[offset : offset + count]
    return (_mix(mixed) >> np.uint64(32)).astype(np.uint32)


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread the bits of 64-bit numbers (the finaliser of splitmix64, Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
