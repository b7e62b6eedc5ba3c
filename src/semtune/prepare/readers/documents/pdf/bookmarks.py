"""Bookmarks of a PDF file as headings, where a line of their page says the same."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from semtune.prepare.readers.documents.outline_types import Outline
from semtune.prepare.readers.documents.outliner import Outliner
from semtune.prepare.readers.documents.pdf.layout import Piece
from semtune.text import key, one_line

HEADING = "\x10"  # before a line that is a heading, followed by its level
DEEPEST = 6
MAX_BOOKMARKS = 10_000
_NUMBER = re.compile(
    r"^(?:(?:chapter|section|appendix|part)\s+)?(?:\d+|[a-z]|[ivxlc]+)(?:\.\d+)*[.:)]?\s+", re.IGNORECASE
)


def bookmarks(document: Any) -> dict[int, list[tuple[str, int]]]:
    """Page → (title, level from 1) of its bookmarks."""
    found: dict[int, list[tuple[str, int]]] = {}
    for number, mark in enumerate(document.get_toc(max_depth=DEEPEST)):
        target, title = mark.get_dest(), one_line(mark.get_title())
        page = target.get_index() if target is not None else None
        if number >= MAX_BOOKMARKS:
            break
        if title and page is not None:
            found.setdefault(page, []).append((title, min(mark.level + 1, DEEPEST)))
    return found


def mark_headings(lines: Sequence[Piece], marks: Sequence[tuple[str, int]]) -> None:
    """Put `HEADING` and a level before the lines that are bookmarks; a title may be wrapped to a second line."""
    at = 0
    for title, level in marks:
        for place in range(at, len(lines)):
            texts = [lines[place].text, *(line.text for line in lines[place + 1 : place + 2])]
            count = next((n for n in range(1, len(texts) + 1) if _same(" ".join(texts[:n]), title)), 0)
            if count:
                lines[place].text = f"{HEADING}{level}{one_line(' '.join(texts[:count]))}"
                for line in lines[place + 1 : place + count]:
                    line.text = ""
                at = place + count
                break


def sections_of(texts: Sequence[str], title: str) -> Outline:
    """The pages' texts as one outline under the marked headings."""
    out = Outliner(title)
    for text in texts:
        for line in text.split("\n"):
            if line.startswith(HEADING):
                out.heading(int(line[1]), line[2:])
            else:
                out.line(line)
        out.line("")
    return out.close()


def _same(line: str, title: str) -> bool:
    """Whether a line is a bookmark's title, with or without its number."""
    one, two = key(line), key(title)
    return one == two or (_NUMBER.sub("", one) == _NUMBER.sub("", two) != "")
