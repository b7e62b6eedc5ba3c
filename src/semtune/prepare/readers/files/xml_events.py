"""XML as a stream of events, by expat: nothing is fetched, no entity is expanded, any depth can be read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO
from xml.parsers import expat

from semtune.errors import InputError

CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Event:
    """The start of an element, its end, or a piece of text.

    Attributes:
        kind: "start", "end" or "text".
        name: of the element, without its namespace's prefix; of text: the text.
        attributes: by name, without prefixes.
    """

    kind: str
    name: str
    attributes: dict[str, str] = field(default_factory=dict)


def events(source: bytes | IO[bytes], where: object) -> Iterator[Event]:
    """Yield the events of an XML document, in order.

    Raises:
        InputError: it is not well-formed, or defines entities (a few bytes of them can expand to gigabytes).
    """
    found: list[Event] = []

    def refuse(*_: object) -> None:
        raise InputError(f"{where} defines XML entities, which are not allowed. Remove its <!ENTITY ...> lines.")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = lambda name, attributes: found.append(
        Event("start", _local(name), {_local(key): value for key, value in attributes.items()})
    )
    parser.EndElementHandler = lambda name: found.append(Event("end", _local(name)))
    parser.CharacterDataHandler = lambda text: found.append(Event("text", text))
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        while chunk := stream.read(CHUNK):
            parser.Parse(chunk, False)
            yield from found
            found.clear()
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise InputError(f"{where} is not well-formed XML ({error}).") from None
    yield from found


def _local(name: str) -> str:
    return name.rpartition(":")[2]
