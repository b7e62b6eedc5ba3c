"""What becomes of candidates before they are shown: read by a cross-encoder, grouped, made diverse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from semtune.index.collection import Snapshot
from semtune.index.filters import value_of
from semtune.search.candidates import Candidate, Ranked, stored_vectors, with_documents
from semtune.search.request import DOCUMENT, Request
from semtune.types import Document, Embeddings
from semtune.unit_vectors import unit

Reranker: TypeAlias = Callable[[Sequence[tuple[str, str]]], Sequence[float]]
"""(question, passage) pairs → how well each passage answers, from 0 to 1."""


def reranked(candidates: Sequence[Candidate], query: str, reranker: Reranker, top: int) -> list[Candidate]:
    """The first `top` by the cross-encoder's scores, then the others as they were; equal scores keep their order."""
    read = candidates[:top]
    scores = reranker([(query, candidate.found.content) for candidate in read])
    order = sorted(range(len(read)), key=lambda at: -scores[at])
    first = [
        replace(read[at], value=float(scores[at]), rerank=Ranked(rank, float(scores[at])))
        for rank, at in enumerate(order, start=1)
    ]
    return [*first, *candidates[top:]]


def group_of(document: Document, field: str) -> str:
    """What a document is grouped by.

    For "document", passages of one source document: what prepare keeps together, or else their id without the number
    behind "#". For a field of the metadata its value; a document without the field is a group of its own.
    """
    if field != DOCUMENT:
        value = value_of(document.metadata, field)
        return f"id {document.id}" if value is None else f"value {value!r}"
    for name in ("group", "source"):
        if document.metadata.get(name):
            return f"{name} {document.metadata[name]}"
    return f"id {document.id.rpartition('#')[0] or document.id}"


def grouped(candidates: Sequence[Candidate], field: str) -> list[Candidate]:
    """The best candidate of each group, which counts the others."""
    best: dict[str, Candidate] = {}
    for candidate in candidates:
        name = group_of(candidate.found, field)
        best[name] = replace(best[name], others=best[name].others + 1) if name in best else candidate
    return list(best.values())


def diverse(
    candidates: Sequence[Candidate], vectors: Mapping[str, Embeddings], k: int, diversity: float
) -> list[Candidate]:
    """`k` candidates by maximal marginal relevance (Carbonell & Goldstein 1998).

    Each next one has the largest (1 - diversity) x relevance - diversity x its largest cosine to those before.
    Relevance is its value, brought to 0 ... 1 within the candidates.

    Args:
        candidates: best first.
        vectors: id → vector.
        k: how many to choose.
        diversity: from 0 to 1.
    """
    kept = [candidate for candidate in candidates if candidate.id in vectors]
    if not kept:
        return []
    cosines = unit(np.stack([vectors[candidate.id] for candidate in kept]))
    relevance = _relevance(kept)
    nearest = np.full(len(kept), -np.inf)
    chosen: list[int] = []
    while len(chosen) < min(k, len(kept)):
        seen = np.where(np.isfinite(nearest), nearest, 0.0)
        gain = (1 - diversity) * relevance - diversity * seen
        gain[chosen] = -np.inf
        chosen.append(int(np.argmax(gain)))  # the first of equal ones: the better ranked
        nearest = np.maximum(nearest, cosines @ cosines[chosen[-1]])
    return [kept[at] for at in chosen]


def _relevance(candidates: Sequence[Candidate]) -> np.ndarray:
    """Values of one kind, from 0 to 1; where a cross-encoder has read only some, those come before the others."""
    read = [each.value for each in candidates if each.rerank]
    rest = [each.value for each in candidates if not each.rerank]
    if not read or not rest:
        return _spread(np.array(read or rest))
    return np.concatenate([0.5 + 0.5 * _spread(np.array(read)), 0.5 * _spread(np.array(rest))])


def _spread(values: np.ndarray) -> np.ndarray:
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.ones(len(values))


def chosen(
    snapshot: Snapshot, query: str, candidates: Sequence[Candidate], request: Request, reranker: Reranker | None
) -> list[Candidate]:
    """The candidates that become hits, best first, with their documents."""
    found = list(candidates)
    if request.rerank and reranker is not None:
        found = [*with_documents(snapshot, found[: request.rerank]), *found[request.rerank :]]
        found = reranked(found, query, reranker, request.rerank)
    if request.group_by:
        found = grouped(with_documents(snapshot, found), request.group_by)
    if request.diversity:
        pool = found[: request.pool]
        vectors = stored_vectors(snapshot, [candidate.id for candidate in pool])
        found = diverse(pool, vectors, request.k, request.diversity)
    return with_documents(snapshot, found[: request.k])
