"""Markdown to sections: ATX and setext headings outside code fences; front matter is left out."""

from __future__ import annotations

import re
from collections import Counter

from semtune.prepare.readers.documents.block_types import Link, Linked, Term
from semtune.prepare.readers.documents.plain_text import Outline
from semtune.text import tidy

_ATX = re.compile(r" {0,3}(#{1,6})(?:\s+(.*?))?(?:\s+#+)?\s*$")
_SETEXT = re.compile(r" {0,3}(=+|-+)\s*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_FRONT = re.compile(r"\A(---|\+\+\+)[ \t]*\n.*?\n\1[ \t]*(?:\n|\Z)", re.DOTALL)
_TITLE = re.compile(r"^title\s*[:=]\s*[\"']?(.+?)[\"']?\s*$", re.MULTILINE | re.IGNORECASE)
_LINK = re.compile(r"!?\[([^\]]*)\]\(((?:[^()\s]|\([^()]*\))*)(?:\s+\"[^\"]*\")?\)")
_BOLD_QUESTION = re.compile(r" {0,3}(\*\*|__)([^*_]+[?？]\s*)\1\s*$|^ {0,3}(\*\*|__)([^*_]+)\3[?？]\s*$")
_DEFINITION = re.compile(r" {0,3}:\s+(\S.*)$")
_ITEM = re.compile(r" {0,3}(?:[-*+]\s+)?(\*\*|__)(?=\S)([^*_]+?)(:?)\1\s*([:–—-]?)\s+(\S.*)$")  # "- **term**: text"
FEW_ITEMS = 3  # in a row; fewer may be bold by chance
QUESTION_LEVEL, TERM_LEVEL = 7, 8  # below every heading
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_NOT_PARAGRAPH = re.compile(r"\s{4,}|\s*$|\s*[>|]|\s*(?:[-*+]|\d+[.)])\s")


class Outliner:
    """Collects text under a path of headings."""

    def __init__(self, title: str = "") -> None:
        self.sections: Outline = []
        self._title = title
        self._stack: list[tuple[int, str]] = []
        self._lines: list[str] = []
        self._links: list[Link] = []
        self._bare = False  # the last heading is a term, and nothing stands under it yet

    def heading(self, level: int, text: str) -> None:
        """Begin a section under a heading of this level (1 is the highest); an empty one only ends those below."""
        bare = self._bare and not any(self._lines)
        if bare and isinstance(text, Term) and level == self._stack[-1][0]:
            text = Term(f"{self._stack.pop()[1]}, {text}")  # several terms with one definition
        elif not (bare and level > self._stack[-1][0]):
            self.close()
        while self._stack and self._stack[-1][0] >= level:
            self._stack.pop()
        if text:
            self._stack.append((level, text))
        self._bare = isinstance(text, Term)

    def link(self, text: str, href: str) -> None:
        """Note a link of the open section."""
        self._links.append(Link(text, href))

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

    @property
    def defines(self) -> bool:
        """Whether the open section is the definition of a term."""
        return bool(self._stack) and self._stack[-1][0] == TERM_LEVEL

    def forget(self) -> None:
        """Leave out all that was collected so far."""
        self.sections, self._lines, self._links = [], [], []

    def close(self) -> Outline:
        """End the open section; returns all sections so far."""
        if self._bare and not any(self._lines):
            self._lines = [self._stack.pop()[1]]  # a term without a definition is text of the section it stands in
        text = tidy("\n".join(self._lines))
        if self._links:
            text = Linked(text, self._links)
        self._lines, self._links, self._bare = [], [], False
        path = tuple(heading for _, heading in self._stack)
        if self._title and (not path or path[0].casefold() != self._title.casefold()):
            path = (self._title, *path)
        if text.strip():
            self.sections.append((path, text))
        return self.sections


def read_markdown(text: str) -> Outline:
    """Sections of a Markdown text: (headings from the title down, text without the heading line).

    Bold lines that ask, and terms of definition lists, become a `Term` at the end of the path.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    front = _FRONT.match(text)
    found = _TITLE.search(front.group(0)) if front else None
    out = Outliner(found.group(1) if found else "")
    fence = before = ""
    lines = _COMMENT.sub("", text[front.end() :] if front else text).split("\n")
    items = _items(lines) if "**" in text or "__" in text else {}
    for number, line in enumerate(lines):
        mark = _FENCE.match(line)
        if fence:
            out.line(line)
            fence = "" if mark and mark.group(1).startswith(fence) and not line.strip().strip(fence[0]) else fence
        elif mark:
            fence = mark.group(1)
            out.line(line)
        elif number in items:
            _item(out, items[number], line)
        else:
            _plain_line(out, line, before)
        before = line
    return out.close()


def _items(lines: list[str]) -> dict[int, re.Match[str]]:
    """Lines that are entries of a list of bold terms with their texts: several in a row, each term once in the document."""
    runs: list[dict[int, re.Match[str]]] = [{}]
    fenced = False
    for number, line in enumerate(lines):
        fenced ^= bool(_FENCE.match(line))
        entry = None if fenced else _ITEM.match(line)
        if entry and (entry.group(3) or entry.group(4)):
            runs[-1][number] = entry
        elif line[:2].strip() and runs[-1]:  # neither empty nor the rest of an entry
            runs.append({})
    seen = Counter(entry.group(2).casefold() for run in runs for entry in run.values())
    once = (run for run in runs if all(seen[entry.group(2).casefold()] == 1 for entry in run.values()))
    return {number: entry for run in once if len(run) >= FEW_ITEMS for number, entry in run.items()}


def _item(out: Outliner, entry: re.Match[str], line: str) -> None:
    """Take the beginning of an entry: a bold term, and what it says of it."""
    for link in _LINK.finditer(line):
        out.link(inline(link.group(1)), link.group(2))
    out.heading(TERM_LEVEL, Term(inline(entry.group(2))))
    out.line(_LINK.sub(r"\1", entry.group(5)))


def _plain_line(out: Outliner, line: str, before: str) -> None:
    """Take a line outside of code: a heading, the underline of one, or text."""
    atx, setext = _ATX.match(line), _SETEXT.match(line)
    if out.defines and line[:1].strip() and not out.last_line.strip() and not _DEFINITION.match(line):
        out.heading(TERM_LEVEL, "")  # the list ended with the empty line before
    if atx:
        out.heading(len(atx.group(1)), inline(atx.group(2) or ""))
    elif setext and out.last_line.strip() and not _NOT_PARAGRAPH.match(out.last_line):
        text = out.take_line()
        out.heading(1 if setext.group(1)[0] == "=" else 2, inline(text))
    elif asked := _BOLD_QUESTION.match(line):
        out.heading(QUESTION_LEVEL, Term(inline(asked.group(0))))
    elif (given := _DEFINITION.match(line)) and (out.defines or _is_term(before)):
        if _is_term(before) and not _DEFINITION.match(before) and out.last_line.strip():
            out.heading(TERM_LEVEL, Term(inline(out.take_line())))
        out.line(given.group(1))
    else:
        for link in _LINK.finditer(line):
            if not link.group(0).startswith("!"):
                out.link(inline(link.group(1)), link.group(2))
        out.line(_LINK.sub(r"\1", line))


def _is_term(line: str) -> bool:
    return bool(line.strip()) and not _NOT_PARAGRAPH.match(line)


def inline(text: str) -> str:
    """A heading's text without links and emphasis."""
    return re.sub(r"[`*]|(?<!\w)_|_(?!\w)", "", _LINK.sub(r"\1", text)).strip()
