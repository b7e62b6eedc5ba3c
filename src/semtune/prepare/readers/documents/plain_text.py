"""Plain text: one section, no headings."""

from __future__ import annotations

from semtune.prepare.readers.documents.outline_types import Outline
from semtune.text import tidy


def read_plain(text: str) -> Outline:
    """The whole text as one section without a heading."""
    return [((), tidy(text))]
