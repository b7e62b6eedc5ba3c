"""Candidates: the documents that vectors and words find for a query, in one ranking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from semtune.errors import InputError
from semtune.index.collection import Match, Snapshot
from semtune.index.fusion import fuse
from semtune.search.request import Request
from semtune.types import Document, Embeddings


@dataclass(frozen=True, slots=True)
class Ranked:
    """A rank, counted from 1, and the score that gave it."""

    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A document that may become a hit.

    Attributes:
        id: of the document.
        value: what it is ranked by; a bigger one is better.
        similarity: of its vector to the query's; None where no vectors are compared.
        dense, keyword: its place in each ranking; None: not in it.
        fused: its score in a hybrid search; None elsewhere.
        rerank: its place by the cross-encoder; None: not read by it.
        document: None until it is needed.
        others: further hits of the same group, which it stands for.
    """

    id: str
    value: float
    similarity: float | None = None
    dense: Ranked | None = None
    keyword: Ranked | None = None
    fused: float | None = None
    rerank: Ranked | None = None
    document: Document | None = None
    others: int = 0

    @property
    def found(self) -> Document:
        """The document, which must have been fetched."""
        assert self.document is not None  # noqa: S101 - see `with_documents`
        return self.document


def find(
    snapshot: Snapshot, queries: Sequence[str], vectors: Embeddings | None, request: Request, depth: int
) -> list[list[Candidate]]:
    """The candidates of each query, best first, without those below the floor.

    Args:
        snapshot: what is searched.
        queries: n texts.
        vectors: (n, dim) of the queries; None in mode keyword.
        request: how.
        depth: documents taken from each ranking.
    """
    none: list[list[Match]] = [[] for _ in queries]
    dense = none if vectors is None else snapshot.search(vectors, depth, request.where)
    keyword = none if request.mode == "dense" else snapshot.keyword_search(queries, depth, request.where)
    return [
        _above(_joined(snapshot, one, two, None if vectors is None else vectors[row], request), request.floor)
        for row, (one, two) in enumerate(zip(dense, keyword, strict=True))
    ]


def with_documents(snapshot: Snapshot, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates with their documents; one that has been deleted meanwhile is left out."""
    missing = [candidate.id for candidate in candidates if candidate.document is None]
    fetched = dict(zip(missing, snapshot.get(missing) if missing else [], strict=True))
    filled = [c if c.document is not None else replace(c, document=fetched[c.id]) for c in candidates]
    return [candidate for candidate in filled if candidate.document is not None]


def stored_vectors(snapshot: Snapshot, ids: Sequence[str]) -> dict[str, Embeddings]:
    """Id → vector, of documents that were just found."""
    try:
        return dict(zip(ids, snapshot.vectors(ids), strict=True)) if ids else {}
    except InputError:  # one was deleted between two calls, where the back-end's snapshots allow that
        there = [id_ for id_, document in zip(ids, snapshot.get(ids), strict=True) if document is not None]
        return dict(zip(there, snapshot.vectors(there), strict=True)) if there else {}


def _joined(
    snapshot: Snapshot,
    dense: Sequence[Match],
    keyword: Sequence[Match],
    vector: Embeddings | None,
    request: Request,
) -> list[Candidate]:
    by_vector = {match.id: Ranked(rank, match.score) for rank, match in enumerate(dense, start=1)}
    by_word = {match.id: Ranked(rank, match.score) for rank, match in enumerate(keyword, start=1)}
    if request.mode == "hybrid":
        order: Sequence[Match] = fuse(dense, keyword, request.fusion)
    else:
        order = dense if request.mode == "dense" else keyword
    similar = {id_: ranked.score for id_, ranked in by_vector.items()}
    if vector is not None:
        similar |= _similarities(snapshot, [match.id for match in order if match.id not in similar], vector)
    return [
        Candidate(
            match.id,
            match.score,
            similar.get(match.id),
            by_vector.get(match.id),
            by_word.get(match.id),
            match.score if request.mode == "hybrid" else None,
        )
        for match in order
    ]


def _similarities(snapshot: Snapshot, ids: Sequence[str], vector: Embeddings) -> dict[str, float]:
    """Of documents that only their words have found."""
    return {id_: float(np.dot(stored, vector)) for id_, stored in stored_vectors(snapshot, ids).items()}


def _above(candidates: list[Candidate], floor: float | None) -> list[Candidate]:
    if floor is None:
        return candidates
    return [each for each in candidates if each.similarity is not None and each.similarity >= floor]
