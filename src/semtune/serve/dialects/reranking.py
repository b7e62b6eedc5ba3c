"""Scores texts for a query: by the served cross-encoder, else by the similarity of their vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np

from semtune.protocols import Encoder
from semtune.search.arrange import Reranker
from semtune.serve.catalogue import Served
from semtune.serve.embedding import embed, encoder_for
from semtune.serve.errors import ApiError
from semtune.serve.workers import Workers
from semtune.types import Embeddings
from semtune.unit_vectors import unit

HEADER = "X-Semtune-Reranker"
MAX_PAIRS = 64  # of one piece of work, so that other requests are served in between
LEAST = 1e-15  # probabilities nearer to 0 and 1 have no logit that float64 can tell apart

By: TypeAlias = Literal["cross-encoder", "probability", "similarity"]


@runtime_checkable
class CountsCut(Protocol):
    """A cross-encoder that says how much of long pairs it does not read."""

    def beyond(self, pairs: Sequence[tuple[str, str]]) -> list[int]:
        """Tokens of each of (n,) pairs that are not read."""
        ...


@dataclass(frozen=True, slots=True)
class Scored:
    """The scores of n texts, bigger is better.

    Attributes:
        scores: of a cross-encoder from 0 to 1; else the calibrated probability of relevance, else the similarity.
        raw: the cross-encoder's logits, or the similarities.
        by: what made the scores.
        truncated, cut_tokens: texts that were cut, and their tokens that were not read.
    """

    scores: list[float]
    raw: list[float]
    by: By
    truncated: int = 0
    cut_tokens: int = 0

    def ranked(self) -> list[int]:
        """Positions of the texts, best first; equal ones in their order."""
        return sorted(range(len(self.scores)), key=lambda at: -self.scores[at])


def judge_of(served: Served) -> By:
    """What scores texts of a served model."""
    if served.reranker is not None:
        return "cross-encoder"
    return "probability" if served.encoder.contract.calibration else "similarity"


async def score(
    workers: Workers, served: Served, query: str, texts: Sequence[str], truncate: bool | None, field: str
) -> Scored:
    """Score (n,) texts for a query; the caller was admitted by `workers`.

    Args:
        workers: the threads that compute.
        served: whose cross-encoder or model.
        query: one.
        texts: at least one.
        truncate: whether long texts may be cut; None: as served.
        field: the request's field with the texts, for messages.

    Raises:
        ApiError: 400; a text is too long and may not be cut, or nothing of it can be read.
    """
    if served.reranker is not None:
        return await _by_cross_encoder(workers, served.reranker, query, texts, truncate, field)
    encoder = encoder_for(served, truncate)
    asked = await embed(workers, encoder, [query], "query", "query")
    read = await embed(workers, encoder, texts, "document", field)
    found = similarities(encoder, asked.vectors, read.vectors)
    curve = encoder.contract.calibration
    scores = [curve.probability(each) for each in found] if curve else found
    return Scored(scores, found, judge_of(served), asked.truncated + read.truncated, asked.cut_tokens + read.cut_tokens)


def similarities(encoder: Encoder, one: Embeddings, many: Embeddings) -> list[float]:
    """The similarity of a (1, dim) vector to each of (n, dim), by the model's own measure."""
    if encoder.contract.similarity == "cosine" and not encoder.contract.normalize:
        one, many = unit(one), unit(many)
    return (many @ one[0]).tolist()


async def _by_cross_encoder(
    workers: Workers, reranker: Reranker, query: str, texts: Sequence[str], truncate: bool | None, field: str
) -> Scored:
    scores: list[float] = []
    beyond: list[int] = []
    for start in range(0, len(texts), MAX_PAIRS):
        pairs = [(query, text) for text in texts[start : start + MAX_PAIRS]]
        beyond += await workers.run(partial(_beyond, reranker, pairs), "bulk")
        _refuse_long(beyond, truncate, field)
        scores += await workers.run(partial(reranker, pairs), "bulk")
    if not np.isfinite(scores).all():
        raise ApiError(
            503, "The cross-encoder gave a score that is not a number. Export it again.", code="model_failed"
        )
    likely = np.clip(scores, LEAST, 1 - LEAST)
    logits: list[float] = (np.log(likely) - np.log1p(-likely)).tolist()
    return Scored([float(each) for each in scores], logits, "cross-encoder", sum(n > 0 for n in beyond), sum(beyond))


def _beyond(reranker: object, pairs: Sequence[tuple[str, str]]) -> list[int]:
    return reranker.beyond(pairs) if isinstance(reranker, CountsCut) else [0] * len(pairs)


def _refuse_long(beyond: Sequence[int], truncate: bool | None, field: str) -> None:
    long = [place for place, n in enumerate(beyond) if n]
    if truncate is False and long:
        raise ApiError(
            400,
            f"With the query {field}[{long[0]}] is longer than the cross-encoder reads; {beyond[long[0]]:,} tokens "
            "would not be read. Shorten it, or set truncate to true.",
            param=field,
            code="too_long",
        )
