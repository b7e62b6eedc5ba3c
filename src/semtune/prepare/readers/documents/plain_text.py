"""Plain text: one section, no headings."""

from __future__ import annotations

from semtune.text import tidy

Outline = list[tuple[tuple[str, ...], str]]  # (heading path, text) in document order


def read_plain(text: str) -> Outline:
    """The whole text as one section without a heading."""
    return [((), tidy(text))]
