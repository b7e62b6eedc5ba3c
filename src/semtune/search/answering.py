"""From queries to hits: candidates are found, arranged, and shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from semtune.encoders.checked import Tokenizes
from semtune.encoders.unreadable import unreadable_query
from semtune.encoders.weak_languages import weak_query
from semtune.errors import InputError, ModelError, TooLongError
from semtune.index.collection import Collection, Snapshot
from semtune.protocols import Encoder
from semtune.search import highlight
from semtune.search.arrange import Reranker, chosen, group_of
from semtune.search.candidates import Candidate, find, with_documents
from semtune.search.explain import explained
from semtune.search.fields import FieldCheck, why_nothing_passes
from semtune.search.request import Request
from semtune.stages import stage
from semtune.types import Answer, Embeddings, Hit

SHOWN = 40  # characters of a query in a message
DEEPER, DEEPEST = 4, 10_000  # times as many candidates where too few groups were found, and the most


@dataclass(frozen=True, slots=True)
class Parts:
    """What answers queries."""

    encoder: Encoder | None
    collection: Collection
    reranker: Reranker | None
    fields: FieldCheck


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query, its (dim,) vector where there is a model, and the number of its tokens that were cut."""

    text: str
    vector: Embeddings | None
    cut: int = 0

    @property
    def vectors(self) -> Embeddings | None:
        return None if self.vector is None else self.vector[None]


def answers(parts: Parts, queries: Sequence[str], request: Request) -> list[Answer]:
    """The answer to each query.

    Raises:
        InputError: a query is blank or too long, or the filter names a field that no document has.
    """
    for query in queries:
        if not query.strip():
            raise InputError("The query is empty. Give at least one word.")
    with stage("encode"):
        asked = _encoded(parts.encoder, queries, request)
    with parts.collection.snapshot() as snapshot:
        parts.fields.require(snapshot, request.where, request.group_by)
        vectors = None if request.mode == "keyword" or not asked else _stacked(asked)
        with stage("find"):
            found = find(snapshot, queries, vectors, request, request.depth)
        with stage("arrange"):
            return [
                _answer(parts, snapshot, one, request, candidates) for one, candidates in zip(asked, found, strict=True)
            ]


def like(parts: Parts, id_: str, request: Request) -> list[Hit]:
    """The documents most similar to one of the index.

    Raises:
        InputError: there is no such document, or the filter names a field that no document has.
    """
    with parts.collection.snapshot() as snapshot:
        parts.fields.require(snapshot, request.where, request.group_by)
        mine = snapshot.get([id_])[0]
        if mine is None:
            raise InputError(f"The index has no document {id_!r}. Give the id of a hit.")
        asked = _Asked(mine.content, snapshot.vectors([id_])[0])
        group = group_of(mine, request.group_by) if request.group_by else ""

        def others(candidates: list[Candidate]) -> list[Candidate]:
            kept = [candidate for candidate in candidates if candidate.id != id_]
            if not group:
                return kept
            return [each for each in with_documents(snapshot, kept) if group_of(each.found, request.group_by) != group]

        found = find(snapshot, [asked.text], asked.vectors, request, request.depth + 1)[0]
        kept = _arranged(parts, snapshot, asked, request, found, others)
        return [_hit(snapshot, asked, each, request) for each in kept]


def _answer(parts: Parts, snapshot: Snapshot, asked: _Asked, request: Request, candidates: list[Candidate]) -> Answer:
    kept = _arranged(parts, snapshot, asked, request, candidates)
    hits = [_hit(snapshot, asked, each, request, parts.encoder) for each in kept]
    if request.highlight:
        hits = _highlighted(parts.encoder, snapshot, asked, hits)
    why = "" if hits else why_nothing_passes(snapshot, request.where)
    return Answer(hits, asked.cut, (*_warnings(parts.encoder, asked, snapshot.language), *([why] if why else [])))


def _encoded(encoder: Encoder | None, queries: Sequence[str], request: Request) -> list[_Asked]:
    """The queries with their vectors, where those are needed."""
    if encoder is None or not queries or (request.mode == "keyword" and not request.highlight):
        return [_Asked(query, None) for query in queries]
    try:
        made = encoder.encode(queries, "query")
    except TooLongError as error:
        raise error.named([f"the query {query[:SHOWN]!r}" for query in queries]) from None
    cut = [0] * len(queries) if made.beyond is None else made.beyond.tolist()
    return [_Asked(query, vector, beyond) for query, vector, beyond in zip(queries, made.vectors, cut, strict=True)]


def _stacked(asked: Sequence[_Asked]) -> Embeddings:
    return np.stack([one.vector for one in asked if one.vector is not None])


def _arranged(
    parts: Parts,
    snapshot: Snapshot,
    asked: _Asked,
    request: Request,
    found: list[Candidate],
    keep: Callable[[list[Candidate]], list[Candidate]] = lambda candidates: candidates,
) -> list[Candidate]:
    """The candidates that become hits; `keep` leaves out what must not be one. More are found where groups are few."""
    depth = request.depth
    while True:
        kept = chosen(snapshot, asked.text, keep(found), request, parts.reranker)
        if len(kept) >= request.k or not request.group_by or len(found) < depth or depth >= DEEPEST:
            return kept
        depth *= DEEPER
        found = find(snapshot, [asked.text], asked.vectors if request.mode != "keyword" else None, request, depth)[0]


def _hit(
    snapshot: Snapshot, asked: _Asked, candidate: Candidate, request: Request, encoder: Encoder | None = None
) -> Hit:
    """A candidate as it is shown; with a probability where an encoder is given and it is calibrated."""
    document = candidate.found
    curve = encoder.contract.calibration if encoder else None
    words = candidate.keyword.score if candidate.keyword else candidate.value
    score = words if candidate.similarity is None else candidate.similarity
    return Hit(
        document.id,
        score,
        document.text,
        document.title,
        document.metadata,
        curve.probability(score) if curve and candidate.similarity is not None else None,
        others=candidate.others,
        explain=explained(candidate, asked.text, request, snapshot.language) if request.explain else None,
    )


def _highlighted(encoder: Encoder | None, snapshot: Snapshot, asked: _Asked, hits: Sequence[Hit]) -> list[Hit]:
    texts = [hit.text for hit in hits]
    if encoder is None or asked.vector is None:
        spans = highlight.by_words(texts, asked.text, snapshot.language)
    else:
        spans = highlight.by_similarity(texts, asked.vector, encoder)
    return [
        replace(
            hit, highlight=span, source_highlight=highlight.in_source(span, hit.text, hit.metadata) if span else None
        )
        for hit, span in zip(hits, spans, strict=True)
    ]


def _warnings(encoder: Encoder | None, asked: _Asked, searched: str) -> tuple[str, ...]:
    """What the user of a query should know; `searched` is the language of the index, empty where it is not clear."""
    lost = f"The query is longer than the model reads: its last {asked.cut:,} tokens were cut."
    unread = ""
    if isinstance(encoder, Tokenizes) and asked.vector is not None and not asked.text.isascii():
        try:
            unread = unreadable_query(asked.text, encoder.tokenizer("query"))
        except ModelError:  # its runtime has another tokenizer
            unread = ""
    if encoder is not None and asked.vector is not None and not unread:
        unread = weak_query(asked.text, encoder.contract, searched)
    return (*([lost] if asked.cut else []), *([unread] if unread else []))
