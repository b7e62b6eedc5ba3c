"""The words that set each topic apart: class-based TF-IDF, as in BERTopic (Grootendorst 2022)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from semtune.index.terms import analyse
from semtune.languages.common_words import COMMON_WORDS

WORDS = 4  # that name a topic
READ = 600  # characters of a document that are read for its words
SHORTEST, LONGEST = 3, 30  # letters of a word that may name a topic
SAME_BEGINNING = 5  # letters; "commit" and "commits" name a topic once
MOST_TEXTS = 2_000  # of a topic that are read; more would not change its best words


def names_of(topics: NDArray[np.int64], texts: Sequence[str], words: int = WORDS) -> list[list[str]]:
    """The words that name each topic, the best first.

    A word's weight is its share of the topic's words x log(1 + words per topic / its count everywhere). A word counts
    once for each text.

    Args:
        topics: (n,) number of each text's topic; -1: none.
        texts: (n,) of which the first `MOST_TEXTS` of each topic are read.
        words: of each topic, at most.
    """
    count = int(topics.max()) + 1 if len(topics) else 0
    inside: list[Counter[str]] = [Counter() for _ in range(count)]
    read = [0] * count
    for topic, text in zip(topics.tolist(), texts, strict=True):
        if topic >= 0 and read[topic] < MOST_TEXTS:
            read[topic] += 1
            inside[topic].update(set(telling_words(text)))
    everywhere: Counter[str] = Counter()
    for found in inside:
        everywhere.update(found)
    average = sum(everywhere.values()) / max(1, count)
    return [_best(found, everywhere, average, words) for found in inside]


def telling_words(text: str) -> list[str]:
    """The words of a text that may name a topic, from its first `READ` characters."""
    return [word for word in analyse(text[:READ]) if _tells(word)]


def _best(words: Counter[str], everywhere: Counter[str], average: float, most: int) -> list[str]:
    total = sum(words.values()) or 1
    repeated = {word: n for word, n in words.items() if n > 1} or words
    weighed = sorted(repeated, key=lambda word: (-words[word] / total * math.log(1 + average / everywhere[word]), word))
    chosen: list[str] = []
    for word in weighed:
        if all(word[:SAME_BEGINNING] != other[:SAME_BEGINNING] for other in chosen):
            chosen.append(word)
        if len(chosen) == most:
            break
    return chosen


def _tells(word: str) -> bool:
    long_enough = SHORTEST <= len(word) <= LONGEST or not word.isascii()
    return long_enough and word not in _COMMON and not word[0].isdigit()


_COMMON = frozenset(chain.from_iterable(COMMON_WORDS.values()))
