"""Spans: the position of a passage in its document, in characters, and getting the text back from a span.

A document's text is what its reader makes of the file: cleaned, without headings, the sections separated by an empty
line. `document_text` returns it, and `metadata["span"]` of a passage refers to it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from semtune.errors import InputError
from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.folder import read_file
from semtune.prepare.readers.documents.section_positions import SECTION_GAP
from semtune.prepare.readers.files.archive import is_archive, unpacked
from semtune.prepare.readers.files.folder_encodings import encoding_within
from semtune.prepare.records import Section

_RUN = re.compile(r"\S+")


class TextPiece(Protocol):
    """A part of a text, e.g. `semtune.prepare.passages.chunk.Chunk`."""

    @property
    def text(self) -> str:
        """Its text, with white space tidied."""
        ...

    @property
    def start(self) -> int:
        """Its first character."""
        ...

    @property
    def end(self) -> int:
        """The character after its last."""
        ...


class CharacterIndex:
    """Finds positions in a text by counting only the characters that are not white space."""

    def __init__(self, text: str) -> None:
        self._starts: list[int] = []
        self._counts: list[int] = []  # characters before each run
        seen = 0
        for match in _RUN.finditer(text):
            self._starts.append(match.start())
            self._counts.append(seen)
            seen += match.end() - match.start()

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Start and end of the characters numbered from `first` up to but not including `last`."""
        return self._place(first), self._place(last - 1) + 1

    def _place(self, number: int) -> int:
        run = bisect_right(self._counts, number) - 1
        return self._starts[run] + number - self._counts[run]


def spans(section: Section, text: str, chunks: Sequence[TextPiece]) -> list[tuple[int, int] | None]:
    """Spans of passages in their document's text.

    Args:
        section: the section that the passages are of.
        text: the text they were cut from: the section's text, or a part of it.
        chunks: the passages, with their positions in `text`.

    Returns:
        Start and end of each; None if the document has no such text, or the passage combines several parts of it.
    """
    begin, origin = section.start, section.origin
    if begin is None:
        return [None] * len(chunks)
    if (base := origin.find(text)) >= 0:
        return [(begin + base + piece.start, begin + base + piece.end) for piece in chunks]
    places, bare, after = CharacterIndex(origin), _bare(origin), 0
    found: list[tuple[int, int] | None] = []
    for piece in chunks:
        wanted = _bare(piece.text)
        at = bare.find(wanted, after)
        if at < 0:
            found.append(None)
            continue
        start, end = places.span(at, at + len(wanted))
        found.append((begin + start, begin + end))
        after = at + 1
    return found


def _bare(text: str) -> str:
    return "".join(text.split())


def document_text(path: Path, folder: Path | None = None) -> str:
    """The text of a file that the spans of its passages refer to.

    Args:
        path: of the file.
        folder: that was read; its other files may tell the encoding of this one. None: the file alone was read.

    Raises:
        InputError: the file cannot be read, or has no text.
    """
    tally = Tally()
    encoding = encoding_within(folder, path) if folder else None
    sections = read_file(path, path.name, tally, encoding)
    if not sections:
        raise InputError(f"{path.absolute()} has no readable text ({', '.join(tally.dropped) or 'empty'}).")
    return SECTION_GAP.join(section.text for section in sections)


def _text_of(source: Path, name: str) -> str:
    """The text of a document in a folder, in an archive, or in an archive in a folder."""
    path = source
    parts = PurePosixPath(name).parts
    if source.is_dir():
        path = source / name
        for end in range(1, len(parts)):
            if is_archive(place := source.joinpath(*parts[:end])) and place.is_file():
                path, parts = place, parts[end:]
                break
    if not is_archive(path):
        return document_text(path, source if source.is_dir() else None)
    with unpacked(path, path.name, Tally()) as folder:
        return document_text(folder.joinpath(*parts), folder)


def passage_text(source: Path, metadata: Mapping[str, Any]) -> str:
    """The part of the original that a passage was cut from, with its line breaks.

    Args:
        source: the folder or file that the data set was prepared from.
        metadata: of the document: its "source" and "span".

    Raises:
        InputError: the passage has no span, or the file is missing or has become shorter.
    """
    span = metadata.get("span")
    if span is None:
        raise InputError(
            f"The passage of {metadata.get('source')} has no span: only passages of text files (.txt, .md, .html ...) "
            "have one; rows of tables and docstrings have none."
        )
    text = _text_of(source, str(metadata["source"]))
    start, end = span
    if end > len(text):
        raise InputError(
            f"{metadata['source']} has {len(text):,} characters, but the passage ends at {end:,}: the file has changed "
            "since the data set was made. Prepare the data set again."
        )
    return text[start:end]
