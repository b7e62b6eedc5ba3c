"""What a reader knows beyond the text: plain strings to most, these say more to those who ask."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MAX_LINKED = 0.7  # of a text's letters; with more it is a list of links


@dataclass(frozen=True, slots=True)
class Link:
    """A link as it stands in a document: its text, and where it leads."""

    text: str
    href: str


class Term(str):
    """An entry of a heading path that is no heading: a term of a definition list, a question in bold."""

    __slots__ = ()


class Linked(str):
    """The text of a section with the links in it."""

    links: tuple[Link, ...]

    def __new__(cls, text: str, links: Iterable[Link] = ()) -> Linked:
        """Make a text that remembers its links."""
        made = super().__new__(cls, text)
        made.links = tuple(links)
        return made


def links_of(text: str) -> tuple[Link, ...]:
    """The links of a section's text; none where its reader keeps none."""
    return text.links if isinstance(text, Linked) else ()


def is_link_list(text: str) -> bool:
    """Whether most of a section's text is the text of links."""
    linked = sum(map(_letters, (link.text for link in links_of(text))))
    return linked > MAX_LINKED * _letters(text)


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))
