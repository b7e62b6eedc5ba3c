"""Collects lines under headings into an outline. Every reader of structured documents writes to one."""

from __future__ import annotations

from semtune.prepare.readers.documents.outline_types import Link, Linked, Outline, Term
from semtune.text import tidy

QUESTION_LEVEL, TERM_LEVEL = 7, 8  # below every heading (1 to 6)


class Outliner:
    """Collects text under a path of headings.

    Args:
        title: of the document; it begins every path. Empty: the document has none.
    """

    def __init__(self, title: str = "") -> None:
        self.sections: Outline = []
        self._title = title
        self._stack: list[tuple[int, str]] = []
        self._lines: list[str] = []
        self._links: list[Link] = []
        self._bare = False  # the last heading is a term, and it has no text yet
        self._empty = 0  # how many headings at the end of the stack have neither a text nor a section below them

    def heading(self, level: int, text: str) -> None:
        """Start a section under a heading of this level (1 is the highest); an empty text only ends deeper sections."""
        bare = self._bare and not any(map(str.strip, self._lines))
        if bare and isinstance(text, Term) and level == self._stack[-1][0]:
            text = Term(f"{self._stack.pop()[1]}, {text}")  # several terms share one definition
        elif not (bare and level > self._stack[-1][0]):
            self._end_section()
        if self._stack and self._stack[-1][0] >= level:
            self._end_headings()
        while self._stack and self._stack[-1][0] >= level:
            self._stack.pop()
        if text:
            self._stack.append((level, text))
            self._empty += 1
        self._bare = isinstance(text, Term)

    def link(self, text: str, href: str) -> None:
        """Record a link of the open section."""
        self._links.append(Link(text, href))

    def line(self, text: str) -> None:
        """Add a line to the open section."""
        self._lines.append(text)

    def take_line(self) -> str:
        """Remove and return the last line, which turned out to be a heading."""
        return self._lines.pop()

    @property
    def last_line(self) -> str:
        """The last line of the open section."""
        return self._lines[-1] if self._lines else ""

    @property
    def defines(self) -> bool:
        """Whether the open section is the definition of a term."""
        return bool(self._stack) and self._stack[-1][0] == TERM_LEVEL

    def forget(self) -> int:
        """Discard everything collected so far; how many words that was."""
        texts = [*(text for _, text in self.sections), *self._lines]
        self.sections, self._lines, self._links = [], [], []
        return len(" ".join(texts).split())

    def close(self) -> Outline:
        """End the open section and return all sections so far."""
        self._end_section()
        self._end_headings()
        return self.sections

    def _end_headings(self) -> None:
        """Record the last heading as a section without text, if nothing stands below it."""
        if self._empty and self._stack and not isinstance(self._stack[-1][1], Term):
            self.sections.append((self._path(), ""))
        self._empty = 0

    def _path(self) -> tuple[str, ...]:
        path = tuple(heading for _, heading in self._stack)
        if self._title and (not path or path[0].casefold() != self._title.casefold()):
            path = (self._title, *path)
        return path

    def _end_section(self) -> None:
        if self._bare and not any(map(str.strip, self._lines)):
            self._lines = [self._stack.pop()[1]]  # a term without a definition is text of the section around it
        text = tidy("\n".join(self._lines))
        if self._links:
            text = Linked(text, self._links)
        self._lines, self._links, self._bare = [], [], False
        if text.strip():
            self.sections.append((self._path(), text))
            self._empty = 0
