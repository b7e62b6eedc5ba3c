"""The sentence of a passage that answers: the one most similar to the query, and its place in the passage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from semtune.index.terms import analyse, query_terms
from semtune.protocols import Encoder
from semtune.sentences import units
from semtune.text import word_count
from semtune.types import Embeddings
from semtune.unit_vectors import unit

MOST = 64  # sentences of a passage that are compared
FEWEST_WORDS = 3  # of a sentence; a shorter one is a heading, and says nothing alone
SOFT_HYPHEN = "\xad"


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, or a line of code or of a list, with its start and end in the passage."""

    text: str
    start: int
    end: int


def sentences_of(text: str) -> list[Sentence]:
    """The sentences of a passage with their places; those of a few words only where there are no others."""
    places = [at for at, character in enumerate(text) if not character.isspace() and character != SOFT_HYPHEN]
    found: list[Sentence] = []
    used = 0
    for each in units(text):
        letters = sum(not character.isspace() and character != SOFT_HYPHEN for character in each.text)
        if letters:
            found.append(Sentence(each.text.strip(), places[used], places[used + letters - 1] + 1))
        used += letters
    telling = [sentence for sentence in found if word_count(sentence.text) >= FEWEST_WORDS]
    return (telling or found)[:MOST]


def by_similarity(passages: Sequence[str], query: Embeddings, encoder: Encoder) -> list[tuple[int, int] | None]:
    """Start and end of the answering sentence in each passage; None for a passage without text.

    Args:
        passages: n texts.
        query: (dim,) vector of the query.
        encoder: embeds the sentences.
    """
    split = [sentences_of(passage) for passage in passages]
    several = list(dict.fromkeys(s.text for found in split if len(found) > 1 for s in found))
    scores = dict.fromkeys(several, 0.0)
    if several:
        vectors = unit(encoder.encode(several, "document").vectors)
        scores = dict(zip(several, (vectors @ query).tolist(), strict=True))
    return [_best(found, [scores.get(sentence.text, 0.0) for sentence in found]) for found in split]


def by_words(passages: Sequence[str], query: str, language: str = "") -> list[tuple[int, int] | None]:
    """As `by_similarity`, for a search without a model: the sentence with the most terms of the query."""
    wanted = set(query_terms(query, language))
    split = [sentences_of(passage) for passage in passages]
    return [_best(found, [len(wanted & set(analyse(s.text, language))) for s in found]) for found in split]


def in_source(span: tuple[int, int], text: str, metadata: Mapping[str, Any]) -> tuple[int, int] | None:
    """Where a part of a passage is in the text of its source file (see `semtune.prepare.passages.spans`).

    None where the passage has no place in a file, or is not written there letter by letter.
    """
    place = metadata.get("span")
    if not isinstance(place, list | tuple) or len(place) != 2 or place[1] - place[0] != len(text):
        return None
    return int(place[0]) + span[0], int(place[0]) + span[1]


def _best(found: Sequence[Sentence], scores: Sequence[float]) -> tuple[int, int] | None:
    if not found:
        return None
    best = found[int(np.argmax(scores))]
    return best.start, best.end
