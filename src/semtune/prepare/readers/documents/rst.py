"""reStructuredText to sections: adorned headings, code kept, directives and roles reduced to what people read."""

from __future__ import annotations

import re

from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.outline_types import Outline, Term
from semtune.prepare.readers.documents.outliner import TERM_LEVEL, Outliner

_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1+\s*$")
_DIRECTIVE = re.compile(r"(\s*)\.\.\s+(?:\|[^|]+\|\s+)?([\w:+.-]+)::\s*(.*)$")
_COMMENT = re.compile(r"(\s*)\.\.(?:\s+(?!\w[\w:+.-]*::).*)?$")
_TARGET = re.compile(r"\s*\.\.\s+(?:_[^:]+:|__|\|)")
_FOOTNOTE = re.compile(r"\s*\.\.\s+(\[[^\]]+\])(?:\s+|$)")
_OPTION = re.compile(r"\s*:([\w-]+):(?:\s|$)")
_FIELD = re.compile(r"(\s*):(?:param |parameter |arg |argument |keyword )?([\w .*-]+):\s+(?=[^`\s])")
_NO_TERM = re.compile(r"\s*(?:[-*+|:>=~^#@\[]|\.\.|[\w#]{1,3}[.)]\s|\([\w#]{1,3}\)\s)")  # lists, tables, fields, quotes
_CLASSIFIER = re.compile(r"\s+:\s+[^:]*$")
_BARE_FIELD = re.compile(r":\w+:$")  # `:orphan:` speaks to the builder
_ROLE = re.compile(r":[\w:+.-]+:`([^`]+)`|`([^`<]+?)\s*<[^`>]*>`__?|`([^`]+)`_{0,2}")
_LITERAL = re.compile(r"``(.+?)``")
_SUBSTITUTION = re.compile(r"\|([^|\s][^|]*)\|")
_REPLACE = re.compile(r"^[ \t]*\.\.[ \t]+\|([^|\n]+)\|[ \t]+replace::[ \t]*(.*)$", re.MULTILINE)
_BUILDER = (  # directives that speak to the builder; the text of all others is read
    "toctree contents include literalinclude image index meta raw highlight currentmodule module tabularcolumns role "
    "default-role sectionauthor codeauthor testsetup testcleanup sectnum header footer target-notes default-domain "
    "automodule autoclass autofunction automethod autoattribute autodata autoexception autosummary graphviz digraph "
    "graph unicode date title"
)
_SILENT = frozenset(_BUILDER.split())
_UNREAD_ARGUMENT = frozenset({"figure", "only", "ifconfig", "container", "rst-class"})  # a path, or a name
_FIELDS = frozenset({"return", "returns", "rtype", "raises", "yields", "type"})  # they look like options
LEFT_OUT = "lines of comments, options and directives without text left out of reStructuredText"
_CODE = frozenset({"code", "code-block", "sourcecode", "parsed-literal", "doctest", "testcode"})


def read_rst(text: str, tally: Tally | None = None) -> Outline:
    """Sections of a text: (headings from the title down, text without the heading lines).

    Args:
        text: of the file.
        tally: counts the lines that are left out.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    definitions = _REPLACE.findall(text)
    if defined := dict(definitions):
        text = _SUBSTITUTION.sub(lambda found: defined.get(found[1], found[0]), _REPLACE.sub("", text))
    reader = _RstSections(text.expandtabs(8).split("\n"))
    sections = reader.sections()
    if tally is not None:
        tally.count(LEFT_OUT, reader.left_out + len(definitions))
    return sections


class _RstSections:
    """Goes through the lines; the order in which adornments appear gives their levels."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._indents = [_indent(line) for line in lines]  # None: an empty line
        self._until = 0  # text before this line stands in a directive
        self._at = 0
        self._list: int | None = None  # the indent of the terms of the definition list that is read
        self._glossary = 0  # lines before this one are of a glossary, where several terms may share a definition
        self._out = Outliner()
        self.left_out = 0  # lines
        self._styles: list[tuple[str, bool]] = []

    def sections(self) -> Outline:
        while self._at < len(self._lines):
            self._end_list()
            if not (self._overlined() or self._underlined() or self._explicit() or self._term()):
                self._text(self._lines[self._at])
        return self._out.close()

    def _line(self, offset: int) -> str:
        place = self._at + offset
        return self._lines[place] if 0 <= place < len(self._lines) else ""

    def _overlined(self) -> bool:
        over, title, under = (self._line(offset) for offset in range(3))
        if not (_ADORNMENT.match(over) and title.strip() and over.rstrip() == under.rstrip()):
            return False
        self._heading(over[0], True, title)
        self._at += 3
        return True

    def _underlined(self) -> bool:
        title, under = self._line(0), self._line(1)
        fits = _ADORNMENT.match(under) and title[:1].strip() and len(under.rstrip()) >= min(len(title.rstrip()), 4)
        if not fits or self._line(-1).strip() or _ADORNMENT.match(title):
            return False
        self._heading(under[0], False, title)
        self._at += 2
        return True

    def _heading(self, mark: str, over: bool, title: str) -> None:
        if (mark, over) not in self._styles:
            self._styles.append((mark, over))
        self._out.heading(self._styles.index((mark, over)) + 1, inline(title.strip()))

    def _end_list(self) -> None:
        """A definition list ends with a line that is not indented, and is no term either."""
        indent = self._indents[self._at]
        if self._list is not None and indent is not None and indent <= self._list and not self._is_term():
            self._out.heading(TERM_LEVEL, "")
            self._list = None

    def _is_term(self) -> bool:
        """Whether text is indented directly below this line, or below the terms that follow it."""
        line, indent = self._line(0), self._indents[self._at]
        if indent is None or _NO_TERM.match(line) or line.rstrip().endswith("::"):
            return False
        if self._line(-1).strip() and self._indents[self._at - 1] == indent and self._list != indent:
            return False  # the last line of a paragraph
        after = self._at + 1
        while (
            (self._list == indent or self._at < self._glossary)
            and after < len(self._lines)
            and self._indents[after] == indent
        ):
            after += 1  # several terms with one definition, as in glossaries
        below = self._indents[after] if after < len(self._lines) else None
        return below is not None and below > indent

    def _term(self) -> bool:
        """Take a term of a definition list; lists within definitions stay text."""
        indent = self._indents[self._at]
        if indent is None or (self._list is not None and indent > self._list) or not self._is_term():
            return False
        term = self._line(0).strip()
        classifier = _CLASSIFIER.search(term)
        self._out.heading(TERM_LEVEL, Term(inline(_CLASSIFIER.sub("", term))))
        if classifier:
            self._out.line(f"({inline(classifier.group(0).strip(' :'))})")
        self._list = indent
        self._at += 1
        self._until = max(self._until, self._end(indent))
        return True

    def _explicit(self) -> bool:
        """Take a directive, a comment or a link target; what holds no text is passed over with all below it."""
        line = self._line(0)
        directive = _DIRECTIVE.match(line)
        if directive:
            self._directive(len(directive.group(1)), directive.group(2).rpartition(":")[2], directive.group(3))
            return True
        if note := _FOOTNOTE.match(line):
            self._lines[self._at] = f"{line[: _indent(line)]}{note.group(1)} {line[note.end() :]}"
            return False
        if not (_TARGET.match(line) or _COMMENT.match(line)):
            return False
        self._at += 1
        self._leave_out([line, *self._block(_indent(line) or 0)])
        return True

    def _leave_out(self, lines: list[str]) -> None:
        self.left_out += sum(any(map(str.isalnum, line)) for line in lines)

    def _directive(self, indent: int, name: str, argument: str) -> None:
        start, self._at = self._at, self._at + 1
        while (option := _OPTION.match(self._line(0))) and option.group(1) not in _FIELDS:
            self._at += 1
        self._leave_out(self._lines[start + 1 : self._at])
        if name in _SILENT:
            self._leave_out([self._lines[start], *self._block(indent)])
            return
        if name in _UNREAD_ARGUMENT:
            self._leave_out([argument])
            argument = ""
        self._out.line("")
        if name == "glossary":
            self._glossary = self._end(indent)
        if name in _CODE:
            self._code(self._block(indent))
            self._out.line("")
            return
        if argument:
            self._out.line(inline(argument))
        if self._at >= self._until:  # the text is taken by the walk, which unindents it up to here
            self._until = self._end(indent)

    def _code(self, block: list[str]) -> None:
        for line in _dedent(block):
            self._out.line(f"    {line}" if line else "")

    def _end(self, indent: int) -> int:
        """Where the lines end that are indented deeper than `indent`."""
        end = self._at
        while end < len(self._lines) and ((deep := self._indents[end]) is None or deep > indent):
            end += 1
        return end

    def _block(self, indent: int) -> list[str]:
        """Take the lines indented deeper than `indent`."""
        start, self._at = self._at, self._end(indent)
        return self._lines[start : self._at]

    def _text(self, line: str) -> None:
        inside = self._at < self._until
        self._at += 1
        stripped = line.strip() if inside else line.rstrip()
        if _ADORNMENT.match(line) and len(stripped) >= 4 and not self._line(-2).strip():
            return  # a line across the page
        literal = stripped.endswith("::")
        if literal:
            stripped = stripped[:-2].rstrip() if stripped == "::" or stripped[-3:-2] == " " else stripped[:-1]
        self._out.line("" if _BARE_FIELD.match(stripped) else inline(_FIELD.sub(r"\1\2: ", stripped, count=1)))
        if literal:
            self._out.line("")
            self._code(self._block(_indent(line) or 0))


def inline(text: str) -> str:
    """A text without roles, links' addresses, emphasis and literal marks."""
    kept: list[str] = []

    def keep(found: re.Match[str]) -> str:
        kept.append(found.group(1))
        return f"\x00{len(kept) - 1}\x00"

    text = _LITERAL.sub(keep, text)
    text = _ROLE.sub(_shown, text)
    text = _SUBSTITUTION.sub(r"\1", text)
    text = re.sub(r"\*\*(\S(?:.*?\S)?)\*\*|(?<![\w*])\*([^*\s](?:[^*]*[^*\s])?)\*(?![\w*])", r"\1\2", text)
    text = re.sub(r"\b(\w+)_\b(?=[\s.,;:!?)]|$)", r"\1", text)
    return re.sub("\x00(\\d+)\x00", lambda found: kept[int(found.group(1))], text)


def _shown(found: re.Match[str]) -> str:
    text = next(group for group in found.groups() if group)
    label, _, target = text.partition("<")
    return (label.strip() if target else text).lstrip("~!")


def _indent(line: str) -> int | None:
    return len(line) - len(line.lstrip()) if line.strip() else None


def _dedent(block: list[str]) -> list[str]:
    depth = min((indent for line in block if (indent := _indent(line)) is not None), default=0)
    lines = [line[depth:].rstrip() for line in block]
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    return lines
