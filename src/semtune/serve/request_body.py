"""Reads request bodies within limits of size and time, decompressed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from starlette.types import Message, Receive, Scope

from semtune.serve.errors import ApiError
from semtune.serve.gunzip import Gunzip, NotGzipError

CLOSE = {"Connection": "close"}  # the rest of the body is not read, so the connection cannot be used again
ENCODINGS = "gzip"


class ClientLeft(Exception):  # noqa: N818 - not an error of ours
    """The client closed the connection before its request was complete."""


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Bytes of a body after decompression, and seconds for a client to send it."""

    size: int
    seconds: float


async def read_body(scope: Scope, receive: Receive, limits: BodyLimits) -> bytes:
    """Read a whole body; the scope's headers then describe what is returned.

    Raises:
        ApiError: 400, 408, 413 or 415.
        ClientLeft: the client is gone.
    """
    decoder = decoder_of(scope)
    if not decoder and _announced(scope) > limits.size:
        raise _too_large(limits.size)
    body, end, more = bytearray(), time.monotonic() + limits.seconds, True
    while more:
        message = await _received(receive, end - time.monotonic(), limits.seconds)
        for part in _parts(message.get("body", b""), decoder):
            body += part
            if len(body) > limits.size:
                raise _too_large(limits.size)
        more = message.get("more_body", False)
    if decoder:
        _finish(decoder)
        _describe(scope, len(body))
    return bytes(body)


def streamed(scope: Scope, receive: Receive, seconds: float) -> Receive:
    """A `receive` for a route that reads its body in parts: decompressed, each part within `seconds`.

    The size of the whole is not limited; the route limits what it keeps.

    Raises:
        ApiError: 415; what is received may raise 400 or 408.
    """
    decoder = decoder_of(scope)
    if decoder:
        _describe(scope, None)
    parts = _arriving(receive, decoder, seconds)
    ended = False

    async def part_or_end() -> Message:
        nonlocal ended
        if ended:
            return await receive()
        try:
            part = await anext(parts, None)
        except ClientLeft:
            return {"type": "http.disconnect"}
        ended = part is None
        return {"type": "http.request", "body": part or b"", "more_body": not ended}

    return part_or_end


async def _arriving(receive: Receive, decoder: Gunzip | None, seconds: float) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await _received(receive, seconds, seconds)
        for part in _parts(message.get("body", b""), decoder):
            yield part
        more = message.get("more_body", False)
    if decoder:
        _finish(decoder)


def decoder_of(scope: Scope) -> Gunzip | None:
    """What decompresses the body; None: nothing has to.

    Raises:
        ApiError: 415, the encoding is not known.
    """
    names = [value.decode("latin-1").strip().lower() for name, value in scope["headers"] if name == b"content-encoding"]
    encodings = [one.strip() for name in names for one in name.split(",") if one.strip() not in ("", "identity")]
    if not encodings:
        return None
    if encodings in (["gzip"], ["x-gzip"]):
        return Gunzip()
    raise ApiError(
        415,
        f"The body has the Content-Encoding {', '.join(encodings)!r}, which is not read here. Send it as {ENCODINGS}, "
        "or without compression.",
        headers={**CLOSE, "Accept-Encoding": ENCODINGS},
    )


async def _received(receive: Receive, left: float, seconds: float) -> Message:
    try:
        message = await asyncio.wait_for(receive(), max(left, 0.001))
    except asyncio.TimeoutError:
        raise ApiError(
            408,
            f"The request body did not arrive within {seconds:g} seconds. Send it faster, or in several requests.",
            headers=CLOSE,
        ) from None
    if message["type"] == "http.disconnect":
        raise ClientLeft
    return message


def _parts(data: bytes, decoder: Gunzip | None) -> Iterator[bytes]:
    if not decoder:
        yield data
        return
    try:
        yield from decoder.feed(data)
    except NotGzipError as error:
        raise _not_gzip(error) from None


def _finish(decoder: Gunzip) -> None:
    try:
        decoder.finish()
    except NotGzipError as error:
        raise _not_gzip(error) from None


def _not_gzip(error: NotGzipError) -> ApiError:
    return ApiError(
        400, f"The body has the Content-Encoding gzip, but cannot be decompressed: {error}.", headers=dict(CLOSE)
    )


def _too_large(limit: int) -> ApiError:
    return ApiError(
        413,
        f"The request body is larger than the limit of {limit:,} bytes. Send the texts in several requests.",
        headers=CLOSE,
    )


def _announced(scope: Scope) -> int:
    values = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(values[0]) if values and values[0].isdigit() else 0


def _describe(scope: Scope, size: int | None) -> None:
    """Let the headers tell of the decompressed body; in place, since outer middleware reads the same scope."""
    left = [each for each in scope["headers"] if each[0] not in (b"content-encoding", b"content-length")]
    scope["headers"] = left if size is None else [*left, (b"content-length", str(size).encode())]
