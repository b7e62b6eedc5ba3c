"""Positions of sections in the text of their document."""

from __future__ import annotations

from collections.abc import Sequence

SECTION_GAP = "\n\n"
"""Separates the sections in a document's text; the spans of passages count it."""


def section_starts(texts: Sequence[str]) -> list[int]:
    """The start of each section in the document's text."""
    starts = [0]
    for text in texts:
        starts.append(starts[-1] + len(text) + len(SECTION_GAP))
    return starts[:-1]
