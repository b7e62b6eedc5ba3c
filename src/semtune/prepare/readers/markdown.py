"""Markdown to sections: ATX and setext headings outside code fences; front matter is left out."""

from __future__ import annotations

import re

from semtune.prepare.readers.plain import Outline
from semtune.prepare.text import tidy

_ATX = re.compile(r" {0,3}(#{1,6})(?:\s+(.*?))?(?:\s+#+)?\s*$")
_SETEXT = re.compile(r" {0,3}(=+|-+)\s*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_FRONT = re.compile(r"\A(---|\+\+\+)[ \t]*\n.*?\n\1[ \t]*(?:\n|\Z)", re.DOTALL)
_TITLE = re.compile(r"^title\s*[:=]\s*[\"']?(.+?)[\"']?\s*$", re.MULTILINE | re.IGNORECASE)
_LINK = re.compile(r"!?\[([^\]]*)\]\((?:[^()\s]|\([^()]*\))*(?:\s+\"[^\"]*\")?\)")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_NOT_PARAGRAPH = re.compile(r"\s{4,}|\s*$|\s*[>|]|\s*(?:[-*+]|\d+[.)])\s")


class Outliner:
    """Collects text under a path of headings."""

    def __init__(self, title: str = "") -> None:
        self.sections: Outline = []
        self._title = title
        self._stack: list[tuple[int, str]] = []
        self._lines: list[str] = []

    def heading(self, level: int, text: str) -> None:
        """Begin a section under a heading of this level (1 is the highest)."""
        self.close()
        while self._stack and self._stack[-1][0] >= level:
            self._stack.pop()
        if text:
            self._stack.append((level, text))

    def line(self, text: str) -> None:
        """Add a line to the open section."""
        self._lines.append(text)

    def take_line(self) -> str:
        """Take the last line back (it turned out to be a heading)."""
        return self._lines.pop()

    @property
    def last_line(self) -> str:
        """The last line of the open section."""
        return self._lines[-1] if self._lines else ""

    def forget(self) -> None:
        """Leave out all that was collected so far."""
        self.sections, self._lines = [], []

    def close(self) -> Outline:
        """End the open section; returns all sections so far."""
        text = tidy("\n".join(self._lines))
        self._lines = []
        path = tuple(heading for _, heading in self._stack)
        if self._title and (not path or path[0].casefold() != self._title.casefold()):
            path = (self._title, *path)
        if text.strip():
            self.sections.append((path, text))
        return self.sections


def read_markdown(text: str) -> Outline:
    """Sections of a Markdown text: (headings from the title down, text without the heading line)."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    front = _FRONT.match(text)
    found = _TITLE.search(front.group(0)) if front else None
    out = Outliner(found.group(1) if found else "")
    fence = ""
    for line in _COMMENT.sub("", text[front.end() :] if front else text).split("\n"):
        mark = _FENCE.match(line)
        if fence:
            out.line(line)
            fence = "" if mark and mark.group(1).startswith(fence) and not line.strip().strip(fence[0]) else fence
        elif mark:
            fence = mark.group(1)
            out.line(line)
        else:
            _plain_line(out, line)
    return out.close()


def _plain_line(out: Outliner, line: str) -> None:
    """Take a line outside of code: a heading, the underline of one, or text."""
    atx, setext = _ATX.match(line), _SETEXT.match(line)
    if atx:
        out.heading(len(atx.group(1)), inline(atx.group(2) or ""))
    elif setext and out.last_line.strip() and not _NOT_PARAGRAPH.match(out.last_line):
        text = out.take_line()
        out.heading(1 if setext.group(1)[0] == "=" else 2, inline(text))
    else:
        out.line(_LINK.sub(r"\1", line))


def inline(text: str) -> str:
    """A heading's text without links and emphasis."""
    return re.sub(r"[`*]|(?<!\w)_|_(?!\w)", "", _LINK.sub(r"\1", text)).strip()
