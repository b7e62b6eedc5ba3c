"""Notes and hyphens within the lines of word processors' documents (.docx, .odt)."""

from __future__ import annotations

from semtune.text import one_line

_NO_BREAK_HYPHEN = "\u2011"


def note_in_line(text: str) -> str:
    """A footnote or endnote in brackets: it stands where it is referred to, so that it stays in its passage."""
    note = one_line(text)
    return f" ({note})" if note else ""


def plain_hyphens(text: str) -> str:
    """Hyphens that do not break a line as plain ones, which people type."""
    return text.replace(_NO_BREAK_HYPHEN, "-")
