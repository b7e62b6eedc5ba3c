"""The same sample of queries every time: those to measure an index with, real ones or chunks of its documents."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Protocol

from semtune.errors import TooLongError
from semtune.text import stable_hash
from semtune.types import Document, Embeddings, Encoded, Role

SAMPLE = 200  # queries
MIN_CHUNK = 3  # minimum words of a chunk that is used as a query


class EncodesQueries(Protocol):
    """The part of an encoder that is needed to ask."""

    def encode(self, texts: Sequence[str], role: Role = "document") -> Encoded:
        """Embed texts, (n,) → (n, dim)."""
        ...


def sampled(queries: Sequence[str]) -> list[str]:
    """At most `SAMPLE` of the queries, always the same ones."""
    return sorted(queries, key=stable_hash)[:SAMPLE]


def sample_chunks(documents: Iterable[Document], count: int = SAMPLE) -> list[tuple[str, str]]:
    """(id, middle third of the words) of `count` documents, always the same ones, to be asked as queries.

    With whole documents as queries, a graph index would look better than it is, since each finds itself easily.
    """
    chosen = heapq.nsmallest(count, documents, key=lambda document: (stable_hash(document.id), document.id))
    return [(document.id, _middle(document.content)) for document in chosen]


def _middle(text: str) -> str:
    words = text.split()
    third = max(MIN_CHUNK, len(words) // 3)
    start = max(0, (len(words) - third) // 2)
    return " ".join(words[start : start + third])


def encode_queries(encoder: EncodesQueries, queries: Sequence[str]) -> tuple[list[int], Embeddings]:
    """The places of the queries that the encoder reads, and their (n, dim) vectors; too long ones may be refused."""
    try:
        return list(range(len(queries))), encoder.encode(queries, "query").vectors
    except TooLongError as error:
        long = set(error.places)
        places = [place for place in range(len(queries)) if place not in long]
        return places, encoder.encode([queries[place] for place in places], "query").vectors
