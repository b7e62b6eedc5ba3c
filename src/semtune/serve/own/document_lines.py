"""Reads the documents of a request: a stream with a JSON object on each line, or one JSON list."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic import ValidationError

from semtune.errors import InputError
from semtune.serve.errors import ApiError, sentence
from semtune.serve.own.document_schemas import DocumentFields
from semtune.types import Document

DOCUMENT_KEYS = frozenset({"_id", "id", "text", "title", "metadata"})
BLANK = b" \t\r\n"
LIST = "list"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a request, or an item of its list, from 1: its document, or what is wrong with it."""

    number: int
    document: Document | None = None
    error: str = ""


async def read_lines(stream: AsyncIterator[bytes], limit: int) -> AsyncIterator[Line]:
    """The documents of a body as they arrive.

    Args:
        stream: pieces of the body.
        limit: bytes of one line, and of a list as a whole, since a list cannot be read in parts.

    Raises:
        ApiError: 413, a line or the list is too long; 400, the list is not JSON.
    """
    rest, number = b"", 0
    async for piece in stream:
        rest += piece
        if number == 0 and (start := rest.lstrip(BLANK)) and start.startswith(b"["):
            if len(rest) > limit:
                raise _too_long("The list", limit)
            continue
        *lines, rest = rest.split(b"\n")
        for line in lines:
            number += 1
            if line.strip(BLANK):
                yield parsed_line(number, line)
        if len(rest) > limit:
            raise _too_long(f"Line {number + 1}", limit)
    if number == 0 and rest.lstrip(BLANK).startswith(b"["):
        for line in _items(rest):
            yield line
    elif rest.strip(BLANK):
        yield parsed_line(number + 1, rest)


def _too_long(what: str, limit: int) -> ApiError:
    return ApiError(
        413,
        f"{what} is longer than {limit:,} bytes. Send one JSON object a line, which are read as they arrive, and split "
        "long texts into passages.",
        headers={"Connection": "close"},
    )


def _items(body: bytes) -> list[Line]:
    try:
        items = _json(body)
    except InputError as error:
        raise ApiError(400, f"The body is not valid JSON: {error}.") from None
    return [_line(number, item) for number, item in enumerate(items, start=1)]


def parsed_line(number: int, text: bytes) -> Line:
    """The document of a line."""
    try:
        value = _json(text)
    except InputError as error:
        return Line(number, error=f"is not valid JSON: {error}")
    return _line(number, value)


def _line(number: int, value: Any) -> Line:
    try:
        return Line(number, parsed_document(value))
    except InputError as error:
        return Line(number, error=str(error))


def parsed_document(value: Any) -> Document:
    """A document in the form of a line of a corpus.jsonl: keys beside its own become metadata.

    Raises:
        InputError: it is none; the message completes "Line 3 ...".
    """
    if not isinstance(value, dict):
        raise InputError(f"holds {type(value).__name__}, not an object with _id and text")
    given = value.get("_id", value.get("id"))
    if given is None or given == "" or isinstance(given, bool | dict | list):
        raise InputError("has no '_id', which must be a string")
    further = {key: each for key, each in value.items() if key not in DOCUMENT_KEYS}
    known = {key: value[key] for key in ("text", "title", "metadata") if value.get(key) is not None}
    try:
        fields = DocumentFields(**known)
        return fields.document(str(given), further)
    except ValidationError as error:
        found = [{**each, "loc": ("body", *each["loc"])} for each in error.errors(include_url=False)]
        raise InputError(f"cannot be used. {sentence(found)[0]}") from None


def _json(text: bytes) -> Any:
    try:
        return json.loads(text.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise InputError("it is not text in UTF-8") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise InputError("it is nested too deeply") from None
    except ValueError as error:  # a number with too many digits
        raise InputError(str(error)) from None


def _no_constant(name: str) -> NoReturn:
    raise InputError(f"{name} is no number in JSON")
