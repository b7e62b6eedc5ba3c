"""Cuts the beginning of long texts instead of their end, as some APIs offer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from semtune.encoders.checked import Tokenizes
from semtune.encoders.tokenizer import Tokenizer
from semtune.protocols import Encoder
from semtune.serve.embedding import Embedded, embed
from semtune.serve.errors import ApiError
from semtune.serve.workers import Workers
from semtune.types import Role

TRIES = 32  # places from which the end of a text may be read


@dataclass(frozen=True, slots=True)
class Ends:
    """Texts that the model reads whole, how many of them lost their beginning, and how many tokens that had."""

    texts: list[str]
    truncated: int
    cut_tokens: int


def ends_of(encoder: Encoder, texts: Sequence[str], role: Role, field: str) -> Ends:
    """The ends of (n,) texts.

    Raises:
        ApiError: 400; the runtime has no tokenizer to count with, or a text cannot be split.
    """
    if not isinstance(encoder, Tokenizes):
        raise ApiError(400, f"The runtime {encoder.runtime} cuts the end of long texts only.", param=field)
    tokenizer = encoder.tokenizer(role)
    limit = encoder.contract.part(role).max_length
    kept, truncated, cut = [], 0, 0
    for place, (text, length) in enumerate(zip(texts, tokenizer.lengths(texts, role), strict=True)):
        if length <= limit:
            kept.append(text)
            continue
        end = _end(tokenizer, text, limit - tokenizer.lengths([""], role)[0], f"{field}[{place}]")
        kept.append(end)
        truncated += 1
        cut += length - tokenizer.lengths([end], role)[0]
    return Ends(kept, truncated, cut)


async def embed_ends(workers: Workers, encoder: Encoder, texts: Sequence[str], role: Role, field: str) -> Embedded:
    """Embed the ends of (n,) texts, and count what was cut; see `semtune.serve.embedding.embed`.

    Raises:
        ApiError: as `ends_of` and `embed`.
    """
    ends = await workers.run(partial(ends_of, encoder, texts, role, field), "bulk")
    made = await embed(workers, encoder, ends.texts, role, field)
    return replace(made, truncated=made.truncated + ends.truncated, cut_tokens=made.cut_tokens + ends.cut_tokens)


def _end(tokenizer: Tokenizer, text: str, room: int, place: str) -> str:
    """The longest end of a text that has exactly the last tokens of the whole, so that no word is cut."""
    ids, offsets = tokenizer.ids(text), tokenizer.offsets(text)
    first = max(len(ids) - room, 0)
    for start in range(first, min(first + TRIES, len(ids))):
        end = text[offsets[start][0] :]
        if tokenizer.ids(end) == ids[start:]:
            return end
    raise ApiError(
        400, f"{place} is too long, and no word begins where it would be cut. Cut its end, or shorten it.", param=place
    )
