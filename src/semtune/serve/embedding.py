"""Embeds the texts of one request, in pieces of bounded work, for every dialect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from semtune.encoders.checked import truncate_of
from semtune.errors import ConfigError, TooLongError
from semtune.protocols import Encoder
from semtune.serve.account import account
from semtune.serve.catalogue import Served
from semtune.serve.errors import ApiError
from semtune.serve.workers import Lane, Workers
from semtune.types import Embeddings, Encoded, Role, Truncate
from semtune.unit_vectors import SHORTEST

PIECE_CHARACTERS = 16_384  # about 4,000 tokens, which take a quarter of a second; none begins after the client left
COUNTED_CHARACTERS = 2_048  # characters of one text that count; the rest is usually truncated
UNIT_ERROR = 1e-2  # of a vector's length; half precision has 1e-3
QUERY_CHARACTERS = 1_024  # a request of one text up to this length goes with the queries


@dataclass(frozen=True, slots=True)
class Embedded:
    """The vectors of a request's texts, (n, dim), and what became of the texts."""

    vectors: Embeddings
    tokens: int
    truncated: int
    cut_tokens: int


def encoder_for(served: Served, truncate: Truncate | bool | None) -> Encoder:
    """The encoder with the rule for long texts that a request asks for.

    Raises:
        ApiError: 400, the encoder knows one rule only.
    """
    try:
        return served.encoder_for(truncate)
    except ConfigError as error:
        raise ApiError(400, str(error), param="truncate") from None


async def embed(workers: Workers, encoder: Encoder, texts: Sequence[str], role: Role, field: str = "input") -> Embedded:
    """Embed (n,) texts; the caller was admitted by `workers`.

    Args:
        workers: the threads that compute.
        encoder: of the whole request, since the index may be switched meanwhile.
        texts: at least one.
        role: which of the model's prompts is put before each.
        field: the request's field with the texts, for messages.

    Raises:
        ApiError: 400; a text is too long and may not be cut, or nothing of it can be read.
    """
    lane = lane_of(texts)
    parts, tokens, truncated, cut_tokens, done = [], 0, 0, 0, 0
    for piece in pieces(texts, len if truncate_of(encoder) == "window" else _usual_cost):
        made = await workers.run(partial(_encoded, encoder, piece, role, field, done), lane)
        account().embedded(encoder.contract.name, len(piece), made.tokens)
        parts.append(made.vectors)
        tokens += made.tokens
        truncated += made.truncated
        cut_tokens += made.cut_tokens
        done += len(piece)
    return Embedded(np.concatenate(parts), tokens, truncated, cut_tokens)


def lane_of(texts: Sequence[str]) -> Lane:
    """The lane of a request: for `Workers.admit`, and for its pieces of work."""
    return "query" if len(texts) == 1 and len(texts[0]) <= QUERY_CHARACTERS else "bulk"


def listed(inputs: str | Sequence[Any]) -> list[Any]:
    """A text, the token ids of one, or a list of either → the list."""
    one = isinstance(inputs, str) or (bool(inputs) and isinstance(inputs[0], int))
    return [inputs] if one else list(inputs)


def lane_for(inputs: str | Sequence[Any]) -> Lane:
    """The lane in which a request waits, before its texts are known; `inputs` as for `listed`."""
    return "query" if len(listed(inputs)) == 1 else "bulk"


def pieces(texts: Sequence[str], cost_of: Callable[[str], int] | None = None) -> Iterator[list[str]]:
    """Split a bulk request into pieces of work, so that other requests are served in between."""
    cost_of = cost_of or _usual_cost
    piece: list[str] = []
    size = 0
    for text in texts:
        cost = cost_of(text)
        if piece and size + cost > PIECE_CHARACTERS:
            yield piece
            piece, size = [], 0
        piece.append(text)
        size += cost
    if piece:
        yield piece


def _usual_cost(text: str) -> int:
    return min(len(text), COUNTED_CHARACTERS)


def _encoded(encoder: Encoder, piece: list[str], role: Role, field: str, done: int) -> Encoded:
    try:
        made = encoder.encode(piece, role)
    except TooLongError as error:
        named = error.named([f"{field}[{done + place}]" for place in range(len(piece))])
        raise ApiError(400, str(named), param=field, code="too_long") from None
    _refuse_no_vector(made.vectors, encoder, field, done)
    return made


def _refuse_no_vector(vectors: Embeddings, encoder: Encoder, field: str, done: int) -> None:
    """Refuse vectors without a direction: a model of words gives them for texts in which it knows none."""
    lengths = np.linalg.norm(vectors, axis=1)
    lost = np.flatnonzero(np.abs(lengths - 1) > UNIT_ERROR if encoder.contract.normalize else lengths < SHORTEST)
    if len(lost):
        more = f" and {len(lost) - 1:,} more" if len(lost) > 1 else ""
        raise ApiError(
            400,
            f"The model {encoder.contract.name!r} can read nothing in {field}[{done + lost[0]}]{more}, so there is no "
            "vector for it. Leave out such texts, which are empty or in letters that the model does not know.",
            param=field,
            code="no_vector",
        )
