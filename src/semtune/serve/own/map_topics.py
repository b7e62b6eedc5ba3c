"""Topics of a corpus: clusters of its vectors, each named by the words that set it apart (class-based TF-IDF)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from semtune.index.terms import analyse
from semtune.languages.common_words import COMMON_WORDS
from semtune.serve.own.map_layout import Layout, centres
from semtune.types import Embeddings

MOST_TOPICS, FEWEST_DOCUMENTS = 40, 20
WORDS = 4  # that name a topic
READ = 600  # characters of a document that are read for its words
SHORTEST, LONGEST = 3, 30  # letters of a word that may name a topic
SAME_BEGINNING = 5  # letters; "commit" and "commits" name a topic once


def topics_of(layout: Layout) -> NDArray[np.int64]:
    """(n,) numbers of topics, the largest topic first; that of a document is its landmark's."""
    documents = len(layout.landmark_of)
    wanted = min(MOST_TOPICS, max(2, round(math.sqrt(documents) / 3)))
    if documents < FEWEST_DOCUMENTS or wanted > len(layout.landmarks):
        return np.zeros(documents, dtype=np.int64)
    weights = np.bincount(layout.landmark_of, minlength=len(layout.landmarks)).astype(np.float32)
    middle = centres(layout.landmarks, wanted, np.maximum(weights, 1e-3))
    found = np.argmax(layout.landmarks @ middle.T, axis=1)[layout.landmark_of]
    sizes = np.bincount(found, minlength=wanted)
    order = np.argsort(-sizes, kind="stable")
    rank = np.empty(wanted, dtype=np.int64)
    rank[order] = np.arange(wanted)
    return rank[found]


def names_of(topics: NDArray[np.int64], texts: Sequence[str]) -> list[list[str]]:
    """The words that name each topic.

    A word's weight is its share of the topic's words x log(1 + words per topic / its count everywhere), as in BERTopic
    (Grootendorst 2022). A word counts once for each text.
    """
    count = int(topics.max()) + 1 if len(topics) else 0
    inside: list[Counter[str]] = [Counter() for _ in range(count)]
    for topic, text in zip(topics.tolist(), texts, strict=True):
        inside[topic].update(set(_words(text)))
    everywhere = Counter()
    for words in inside:
        everywhere.update(words)
    average = sum(everywhere.values()) / max(1, count)
    return [_best(words, everywhere, average) for words in inside]


def middles_of(topics: NDArray[np.int64], vectors: Embeddings) -> Embeddings:
    """(topics, dim) mean vectors."""
    count = int(topics.max()) + 1 if len(topics) else 0
    return np.stack([vectors[topics == topic].mean(axis=0) for topic in range(count)]) if count else vectors[:0]


def _best(words: Counter[str], everywhere: Counter[str], average: float) -> list[str]:
    total = sum(words.values()) or 1
    repeated = {word: n for word, n in words.items() if n > 1} or words
    weighed = sorted(repeated, key=lambda word: (-words[word] / total * math.log(1 + average / everywhere[word]), word))
    chosen: list[str] = []
    for word in weighed:
        if all(word[:SAME_BEGINNING] != other[:SAME_BEGINNING] for other in chosen):
            chosen.append(word)
        if len(chosen) == WORDS:
            break
    return chosen


def _words(text: str) -> list[str]:
    return [word for word in analyse(text[:READ]) if _tells(word)]


def _tells(word: str) -> bool:
    long_enough = SHORTEST <= len(word) <= LONGEST or not word.isascii()
    return long_enough and word not in _COMMON and not word[0].isdigit()


_COMMON = frozenset(chain.from_iterable(COMMON_WORDS.values()))
