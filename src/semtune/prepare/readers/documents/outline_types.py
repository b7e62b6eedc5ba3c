"""What a reader gives: an outline of headings and texts. Plain strings to most; some say more to code that asks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from semtune.errors import InputError
from semtune.text import letter_count

Outline = list[tuple[tuple[str, ...], str]]
"""(heading path, text) of each section, in document order."""

MAX_LINKED = 0.7  # share of a text's letters; with more, the text is a list of links


@dataclass(frozen=True, slots=True)
class Link:
    """A link in a document: its text and its target."""

    text: str
    href: str


class UnreadableError(InputError):
    """A file that its reader cannot read.

    Args:
        message: what is wrong, with the file's name.
        reason: under which it is counted: "needs a password".
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class Term(str):
    """An entry of a heading path that is not a heading: a term of a definition list, or a question in bold."""

    __slots__ = ()


class Linked(str):
    """The text of a section together with its links."""

    links: tuple[Link, ...]

    def __new__(cls, text: str, links: Iterable[Link] = ()) -> Linked:
        """Make a text that carries its links."""
        made = super().__new__(cls, text)
        made.links = tuple(links)
        return made


def links_of(text: str) -> tuple[Link, ...]:
    """The links of a section's text; empty where its reader does not collect links."""
    return text.links if isinstance(text, Linked) else ()


def is_link_list(text: str) -> bool:
    """Whether most of a section's text is link text."""
    linked = sum(map(letter_count, (link.text for link in links_of(text))))
    return linked > MAX_LINKED * letter_count(text)
