"""The inline content of a Markdown block as lines of plain text: emphasis, code marks, tags and attributes are gone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from markdown_it.tree import SyntaxTreeNode

from semtune.prepare.readers.documents.outline_types import Link
from semtune.text import one_line

_VALUE = r"""(?:"[^"]*"|'[^']*'|[^\s"'{}]+)"""
_ATTRIBUTE = rf"(?:[#.][\w:.-]+|[\w:-]+={_VALUE})"
_ATTRIBUTES = re.compile(rf"\s*\{{:?\s*{_ATTRIBUTE}(?:\s+{_ATTRIBUTE})*\s*\}}\s*$")  # "## Title {#anchor .class}"
_UNPARSED_BOLD = re.compile(r"\*\*(?=\S)([^*\n]+?)(?<=\S)\*\*")  # CommonMark sees no bold in Chinese "**强调：**文字"
_TAG = re.compile(r"</?([a-z][a-z0-9]*)\b", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"<[\w-]+/?>")  # `<name>` is a tag to CommonMark but a word to the person who wrote it
_TAGS = (
    "a abbr acronym address area article aside audio b bdi bdo big blockquote br button canvas center cite code col dd "
    "del details dfn div dl dt em embed figcaption figure font footer form h1 h2 h3 h4 h5 h6 header hr i iframe img "
    "input ins kbd label li link main map mark meta nav object ol option p path picture pre q rp rt ruby s samp script "
    "section select small source span strike strong style sub summary sup svg table tbody td template tfoot th thead "
    "tr track tt u ul var video wbr"
)
HTML_TAGS = frozenset(_TAGS.split())
BREAKS = frozenset({"softbreak", "hardbreak"})


@dataclass(slots=True)
class Line:
    """A line of plain text.

    Attributes:
        text: all of it.
        links: the links that end on it.
        bold: the bold text that it begins with; empty if it begins otherwise.
        indent: the white space before it, in lists and definitions.
    """

    text: str = ""
    links: list[Link] = field(default_factory=list)
    bold: str = ""
    indent: str = ""

    @property
    def after_bold(self) -> str:
        """The text after the bold text that the line begins with."""
        return self.text[len(self.bold) :]


def to_lines(inline: SyntaxTreeNode) -> list[Line]:
    """The lines of an inline node, in order."""
    lines = [Line()]
    _add_all(inline, lines)
    return lines


def to_line(inline: SyntaxTreeNode) -> Line:
    """An inline node as a single line, for headings, terms and cells."""
    lines = to_lines(inline)
    return Line(one_line(" ".join(line.text for line in lines)), [link for line in lines for link in line.links])


def without_bold_marks(text: str) -> str:
    """A text without the `**` pairs that the parser left in it."""
    return _UNPARSED_BOLD.sub(r"\1", text)


def _add_all(parent: SyntaxTreeNode, lines: list[Line]) -> None:
    for node in parent.children:
        line, kind = lines[-1], node.type
        begins = not line.text.strip()
        if kind in BREAKS:
            lines.append(Line())
        elif kind == "text":
            after = node.next_sibling
            ends_line = after is None or after.type in BREAKS
            text = without_bold_marks(_ATTRIBUTES.sub("", node.content) if ends_line else node.content)
            line.text += text.lstrip() if begins else text
        elif kind == "html_inline":
            _add_tag(node.content, lines)
        elif kind == "link":
            _add_link(node, lines)
        elif node.children:  # emphasis, an image with its alternative text
            _add_all(node, lines)
            if kind == "strong" and begins and line is lines[-1]:
                line.bold = line.text
        elif kind not in {"image", "footnote_ref"}:  # code
            line.text += node.content


def _add_link(node: SyntaxTreeNode, lines: list[Line]) -> None:
    first, begin = len(lines) - 1, len(lines[-1].text)
    _add_all(node, lines)
    text = " ".join([lines[first].text[begin:], *(line.text for line in lines[first + 1 :])])
    lines[-1].links.append(Link(one_line(text), str(node.attrs.get("href", ""))))


def _add_tag(tag: str, lines: list[Line]) -> None:
    found = _TAG.match(tag)
    name = found.group(1).lower() if found else ""
    if name == "br":
        lines.append(Line())
    elif name and name not in HTML_TAGS and _PLACEHOLDER.fullmatch(tag):
        lines[-1].text += tag
