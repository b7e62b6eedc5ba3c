"""HTML blocks in Markdown: their text, headings, summaries and links, without the tags.

A block may open an element that a later block closes (`<details>` around Markdown), so it is read as a stream of tags.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any, Literal

from semtune.text import one_line

_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_SILENT = frozenset({"script", "style", "template", "svg"})
_BREAKING = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "br",
        "center",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "figcaption",
        "figure",
        "footer",
        "form",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "section",
        "summary",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "tr",
        "ul",
    ]
)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing in a block of HTML.

    Attributes:
        kind: "line", "heading", "summary" or "link"; "end" where a `<details>` closes.
        text: of it.
        level: of a heading.
        href: of a link.
    """

    kind: Literal["line", "heading", "summary", "link", "end"]
    text: str = ""
    level: int = 0
    href: str = ""


def html_events(source: str) -> list[Event]:
    """What a block of HTML says, in order."""
    source = _without_comments(source)
    parser = _Parser({tag for tag in _SILENT if f"</{tag}" in source.lower()})
    parser.feed(source)
    parser.close()
    parser.flush()
    return parser.events


def _without_comments(source: str) -> str:
    """The source without comments. One that is not closed is text; the parser would need quadratic time for many."""
    closed, end, rest = source.rpartition("-->")
    return _COMMENT.sub("", closed + end) + rest.replace("<!--", "")


class _Parser(HTMLParser):
    """Args: silent: tags whose content is no text; those that are never closed would hide all that follows."""

    def __init__(self, silent: set[str]) -> None:
        super().__init__(convert_charrefs=True)
        self._tags = silent
        self.events: list[Event] = []
        self._text: list[str] = []
        self._silent = 0
        self._preformatted = 0
        self._link: tuple[str, int] | None = None  # target, and where its text begins

    def set_cdata_mode(self, elem: str, *args: Any, **kwargs: Any) -> None:
        if elem in self._tags:
            super().set_cdata_mode(elem, *args, **kwargs)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in _BREAKING or tag in _HEADINGS or tag == "pre":
            self.flush()
        if tag == "li":
            self._text.append("- ")
        elif tag == "pre":
            self._preformatted += 1
        elif tag in self._tags:
            self._silent += 1
        elif tag == "img":
            self._text.append(given.get("alt", ""))
        elif tag == "a" and given.get("href"):
            self._link = given["href"], len(self._text)

    def handle_endtag(self, tag: str) -> None:
        if tag in _HEADINGS:
            self.flush("heading", int(tag[1]))
        elif tag == "summary":
            self.flush("summary")
        elif tag == "pre":
            self.flush()
            self._preformatted = max(0, self._preformatted - 1)
        elif tag in {"td", "th"}:
            self._text.append(" | ")
        elif tag == "a":
            self._end_link()
        elif tag in self._tags:
            self._silent = max(0, self._silent - 1)
        elif tag in _BREAKING:
            self.flush()
            if tag == "details":
                self.events.append(Event("end"))

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._text.append(data)

    def flush(self, kind: Literal["line", "heading", "summary"] = "line", level: int = 0) -> None:
        """Turn the text since the last tag that breaks lines into an event."""
        self._end_link()
        text, self._text = "".join(self._text), []
        if self._preformatted:
            lines = [f"    {line}" for line in text.strip("\n").split("\n") if line.strip()]
        else:
            lines = [one_line(text).strip("| ")]
        self.events += [Event(kind, line, level) for line in lines if line.strip("- ")]

    def _end_link(self) -> None:
        if self._link is not None:
            href, begin = self._link
            if text := one_line("".join(self._text[begin:])):
                self.events.append(Event("link", text, href=href))
            self._link = None
