"""Markdown to sections: headings, terms and questions become paths, everything else becomes plain text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.markdown.blocks import Block, to_blocks
from semtune.prepare.readers.documents.markdown.lines import Line, without_bold_marks
from semtune.prepare.readers.documents.markdown.raw_html import html_events
from semtune.prepare.readers.documents.outline_types import Outline, Term
from semtune.prepare.readers.documents.outliner import QUESTION_LEVEL, TERM_LEVEL, Outliner
from semtune.prepare.readers.documents.plain_text import read_plain
from semtune.text import one_line

_FRONT_MATTER = re.compile(  # YAML, TOML; not text between two rules
    r"\A(---|\+\+\+)[ \t]*\n(?=\s*(?:[\w.\"'-]+[ \t]*[:=]|#|\[|\1)).*?\n\1[ \t]*(?:\n|\Z)", re.DOTALL
)
_TITLE = re.compile(r"^title\s*[:=]\s*[\"']?(.+?)[\"']?\s*$", re.MULTILINE | re.IGNORECASE)
_SEPARATOR = re.compile(r"\s*([:–—-]?)\s+(?=\S)")  # between a bold term and what is said about it
_QUESTION_MARKS = ("?", "？")
FRONT_MATTER = "lines of front matter left out of Markdown"
MIN_ENTRIES = 3  # of a list of bold terms; fewer may be bold by chance

Place = tuple[int, int]  # the number of a block, and of a line in it


def read_markdown(text: str, tally: Tally | None = None) -> Outline:
    """Sections of a Markdown text: (headings from the title down, text without the heading line).

    Questions in bold, summaries, and terms of definition lists become a `Term` at the end of the path.

    Args:
        text: of the file.
        tally: counts the lines of front matter that are left out: all but the title.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    front = _FRONT_MATTER.match(text)
    title = _TITLE.search(front.group(0)) if front else None
    if front and tally is not None:
        fields = [line for line in front.group(0).splitlines()[1:-1] if line.strip()]
        tally.count(FRONT_MATTER, len(fields) - bool(title))
    try:
        blocks = to_blocks(text[front.end() :] if front else text)
    except RecursionError:  # thousands of emphases within each other: noise, not Markdown
        return read_plain(text)
    writer = _Writer(title.group(1) if title else "", _find_entries(blocks))
    for number, block in enumerate(blocks):
        writer.add(number, block)
    return writer.out.close()


class _Writer:
    """Writes blocks to an outline. Lines keep the layout of the source: empty lines stand where it has some."""

    def __init__(self, title: str, entries: set[Place]) -> None:
        self.out = Outliner(title)
        self._entries = entries
        self._end = 0  # the line of the source after the last block

    def add(self, number: int, block: Block) -> None:
        if block.kind == "heading":
            self.out.heading(block.level, block.lines[0].text)
        elif block.kind == "term":
            self._term(TERM_LEVEL, block.lines[0].text, block.lines[0])
        elif block.kind == "end of terms":
            self.out.heading(TERM_LEVEL, "")
            return
        else:
            self._text(number, block)
        self._end = block.end

    def _text(self, number: int, block: Block) -> None:
        gap = block.start > self._end
        if self.out.defines and block.free and ((gap and not block.depth) or (block.depth == 1 and block.marker)):
            self.out.heading(TERM_LEVEL, "")  # the list of terms ended before this block
        if gap:
            self.out.line("")
        if block.kind == "html":
            self._html(block.lines[0].text)
            return
        for row, line in enumerate(block.lines):
            marker = block.marker if row == 0 else ""
            if (number, row) in self._entries:
                self._term(TERM_LEVEL, line.bold.strip().rstrip(":"), line)
                self.out.line(_SEPARATOR.sub("", line.after_bold, count=1))
            elif block.free and not block.depth and _is_question(line):
                self._term(QUESTION_LEVEL, one_line(line.text), line)
            else:
                self._line(line, marker)

    def _line(self, line: Line, marker: str = "") -> None:
        for link in line.links:
            self.out.link(link.text, link.href)
        self.out.line(line.indent + marker + line.text)

    def _term(self, level: int, term: str, line: Line) -> None:
        self.out.heading(level, Term(term))
        for link in line.links:
            self.out.link(link.text, link.href)

    def _html(self, source: str) -> None:
        for event in html_events(source):
            if event.kind == "heading":
                self.out.heading(event.level, event.text)
            elif event.kind == "summary":
                self.out.heading(QUESTION_LEVEL, Term(without_bold_marks(event.text)))
            elif event.kind == "end":
                self.out.heading(QUESTION_LEVEL, "")
            elif event.kind == "link":
                self.out.link(event.text, event.href)
            else:
                self.out.line(without_bold_marks(event.text))


def _is_question(line: Line) -> bool:
    """Whether a line is nothing but a question in bold."""
    return (
        line.text.rstrip().endswith(_QUESTION_MARKS)
        and line.after_bold.strip() in ("", *_QUESTION_MARKS)
        and bool(line.bold)
    )


def _is_entry(line: Line) -> bool:
    """Whether a line is a bold term and what is said about it: "**term**: text"."""
    found = _SEPARATOR.match(line.after_bold) if line.bold else None
    return bool(found) and (line.bold.rstrip().endswith(":") or bool(found.group(1)))


def _find_entries(blocks: Sequence[Block]) -> set[Place]:
    """The lines that make up lists of bold terms: several in a row, each term once in the document."""
    runs: list[list[Place]] = [[]]
    for number, block in enumerate(blocks):
        for row, line in enumerate(block.lines):
            continues = block.depth > 0 and (row > 0 or block.depth > 1 or not block.marker)
            if block.kind == "text" and block.free and not continues and block.marker in {"", "- "} and _is_entry(line):
                runs[-1].append((number, row))
            elif not continues and runs[-1]:
                runs.append([])
    terms = {place: _term_key(blocks, place) for run in runs for place in run}
    seen = Counter(terms.values())
    once = [run for run in runs if all(seen[terms[place]] == 1 for place in run)]
    return {place for run in once if len(run) >= MIN_ENTRIES for place in run}


def _term_key(blocks: Sequence[Block], place: Place) -> str:
    number, row = place
    return blocks[number].lines[row].bold.strip().rstrip(":").casefold()
