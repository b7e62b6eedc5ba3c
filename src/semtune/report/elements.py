"""The elements of a page as plain values; the macros in `templates/macros.html` turn them into HTML.

Texts in them are plain text: the templates escape them. Only `Figure.svg` is markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Tone = Literal["good", "bad", "unsure", "plain"]


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence or two; `name` is set in bold before it."""

    text: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Headline:
    """The result of the page: a few words in large letters, what they mean, and the details."""

    tone: Tone
    title: str
    lead: str
    details: Sequence[Note] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what it says.
        aside: muted, on the same line, such as an interval.
        notes: small, each on a line of its own.
        strong: set in bold.
    """

    text: str
    aside: str = ""
    notes: Sequence[str] = ()
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table; `marked` sets it off from the others."""

    title: Cell | str
    cells: Sequence[Cell | str]
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `head` includes the title above the rows' titles, mostly empty."""

    head: Sequence[Cell | str]
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot with what it says in words.

    Attributes:
        svg: `Markup` from `semtune.report.svg.to_svg`; empty where matplotlib is missing.
        caption: what it shows.
        name: of what is plotted, set in bold before the caption.
        alert: what the reader should not miss, set in bold after the caption.
    """

    svg: str
    caption: str
    name: str = ""
    alert: str = ""


@dataclass(frozen=True, slots=True)
class Count:
    """How often something was found, with examples."""

    name: str
    count: int
    examples: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """A document that a system found, and whether it is labelled relevant."""

    rank: int
    relevant: bool
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Side:
    """One of the texts shown side by side in an example: a text, or the answers of a system."""

    name: str
    text: str = ""
    answers: Sequence[Answer] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """A card with a query, a pair or a row of the data.

    Attributes:
        lines: what it is about, such as the query.
        note: what is known of it.
        change: a number on the left, such as the gain.
        tone: of that number.
        sides: shown below, side by side.
    """

    lines: Sequence[str] = ()
    note: str = ""
    change: str = ""
    tone: Tone = "plain"
    sides: Sequence[Side] = ()


@dataclass(frozen=True, slots=True)
class Examples:
    """Examples under a title, with how many there are."""

    title: str
    count: str
    examples: Sequence[Example] = field(default_factory=list)


def many(count: int, one: str, more: str = "") -> str:
    """A count with its noun, in the singular or plural."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"
