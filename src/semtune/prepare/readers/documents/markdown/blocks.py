"""A Markdown text as a flat list of blocks with their lines: the tree of markdown-it-py, its nesting resolved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode
from mdit_py_plugins.attrs import attrs_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.tasklists import tasklists_plugin

from semtune.prepare.readers.documents.markdown.lines import Line, to_line, to_lines

MAX_NESTING = 60  # of lists and quotes within each other (each level costs Python frames)
MAX_INLINE = 20_000  # characters of a paragraph; a longer one keeps its mark-up (the time to parse it may be quadratic)
Kind = Literal["heading", "text", "code", "html", "term", "end of terms"]


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a Markdown document that holds no other blocks.

    Attributes:
        kind: what it is; each row of a table is a "text".
        lines: its lines; of "html" a single one with the source.
        start: the number of its first line in the source.
        end: the number of the line after its last.
        level: of a heading.
        depth: how many lists it stands in.
        marker: "- " or "1. " where it begins an item of a list.
        free: whether it stands in no quote, definition or table.
    """

    kind: Kind
    lines: list[Line]
    start: int = 0
    end: int = 0
    level: int = 0
    depth: int = 0
    marker: str = ""
    free: bool = True


@dataclass(frozen=True, slots=True)
class _Around:
    """What a node stands in."""

    depth: int = 0
    marker: str = ""
    free: bool = True
    defines: bool = False


def to_blocks(text: str) -> list[Block]:
    """The blocks of a Markdown text without front matter, in order.

    Raises:
        RecursionError: it nests too deep.
    """
    tokens = _parser().parse(text)
    if max((token.level for token in tokens), default=0) >= MAX_NESTING - 1:  # the parser leaves out what is deeper
        raise RecursionError
    tree = SyntaxTreeNode(tokens)
    return list(_Reader(text.split("\n")).blocks(tree, _Around()))


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"maxNesting": MAX_NESTING}).enable(["table", "strikethrough"])
    parser.use(deflist_plugin).use(footnote_plugin, inline=False).use(tasklists_plugin)
    parser.use(attrs_plugin)  # not for blocks: it takes "{a} text {b}" for attributes
    parser.disable("footnote_tail")  # it would move footnotes to the end, into another section
    parser.core.ruler.before("inline", "long_inline", _spare_long)
    parser.validateLink = lambda url: True  # noqa: ARG005 - nothing is rendered, so no link is dangerous
    parser.normalizeLink = lambda url: url  # as it is written
    return parser


def _spare_long(state: StateCore) -> None:
    """Make a paragraph that is too long a single text."""
    for token in state.tokens:
        if token.type == "inline" and len(token.content) > MAX_INLINE:
            token.children, token.content = [Token("text", "", 0, content=token.content)], ""


def _span(node: SyntaxTreeNode) -> tuple[int, int]:
    return node.map or (0, 0)


class _Reader:
    def __init__(self, source: list[str]) -> None:
        self._source = source

    def blocks(self, parent: SyntaxTreeNode, around: _Around) -> Iterator[Block]:
        for node in parent.children:
            yield from self._read(node, around)
            around = replace(around, marker="")  # it belongs to the first block of its item

    def _read(self, node: SyntaxTreeNode, around: _Around) -> Iterator[Block]:
        kind = node.type
        if kind == "list_item":
            marker = f"{node.info}{node.markup}" if node.info else "-"
            yield from self.blocks(node, replace(around, depth=around.depth + 1, marker=f"{marker} "))
        elif kind == "blockquote":
            yield from self.blocks(node, replace(around, free=False))
        elif kind == "dl":
            yield from self._definitions(node, around)
        elif kind == "table":
            yield from _rows(node)
        elif kind in {"paragraph", "heading"}:
            yield self._lines(node, around)
        elif kind in {"fence", "code_block", "html_block"}:
            yield self._verbatim(node, around)
        else:  # a list, a footnote
            yield from self.blocks(node, around)

    def _lines(self, node: SyntaxTreeNode, around: _Around) -> Block:
        (start, end), inline = _span(node), node.children[0]
        if node.type == "heading" and around.free and not around.depth:
            return Block("heading", [to_line(inline)], start, end, level=int(node.tag[1]))
        lines = to_lines(inline)
        if around.depth or around.defines:
            self._indent(lines, start, end)
        return Block("text", lines, start, end, 0, around.depth, around.marker, around.free)

    def _indent(self, lines: list[Line], start: int, end: int) -> None:
        """Give lines the indentation of the source, where they are the lines of the source."""
        if len(lines) == end - start:
            for line, given in zip(lines, self._source[start:end], strict=True):
                given = given.expandtabs(4)
                line.indent = " " * (len(given) - len(given.lstrip()))

    def _verbatim(self, node: SyntaxTreeNode, around: _Around) -> Block:
        start, end = _span(node)
        if node.type == "html_block":
            return Block("html", [Line(node.content)], start, end, 0, around.depth, "", around.free)
        lines = node.content.removesuffix("\n").split("\n")
        if node.type == "code_block":
            lines = [f"    {line}" if line else "" for line in lines]
        else:
            lines = [f"{node.markup}{node.info}", *lines, node.markup]
        return Block("code", [Line(line) for line in lines], start, end, 0, around.depth, around.marker, around.free)

    def _definitions(self, node: SyntaxTreeNode, around: _Around) -> Iterator[Block]:
        inside = replace(around, free=False, defines=True)
        outermost = around.free and not around.depth
        for child in node.children:
            if child.type == "dt":
                kind: Kind = "term" if outermost else "text"
                yield Block(kind, [to_line(child.children[0])], *_span(node), depth=around.depth, free=False)
                continue
            blocks = list(self.blocks(child, inside))
            after = child.next_sibling
            if outermost and after is not None and after.type == "dd":
                blocks = self._with_next_term(blocks)
            yield from blocks
        if outermost:
            yield Block("end of terms", [])

    def _with_next_term(self, blocks: list[Block]) -> list[Block]:
        """A definition whose last line is the term of the next one: no empty line stands between them."""
        last = blocks[-1] if blocks else None
        if last is None or last.kind != "text" or len(last.lines) < 2 or self._source[last.end - 1][:1].isspace():
            return blocks
        term = Block("term", last.lines[-1:], last.end - 1, last.end, free=False)
        return [*blocks[:-1], replace(last, lines=last.lines[:-1], end=last.end - 1), term]


def _rows(table: SyntaxTreeNode) -> Iterator[Block]:
    """Each row of a table as a line that is understood alone: "- Cone: 06; Hold: 10 min"."""
    header, *rows = [[to_line(cell.children[0]) for cell in row.children] for row in _table_rows(table)]
    start, end = _span(table)
    names = [cell.text.rstrip(":") for cell in header] if rows else [""] * len(header)
    for row in rows or [header]:
        pairs = [(name, cell.text) for name, cell in zip(names, row, strict=False) if cell.text]
        text = "; ".join(f"{name}: {value}" if name else value for name, value in pairs)
        links = [link for cell in row for link in cell.links]
        if text:
            yield Block("text", [Line(f"- {text}", links)], start, end, free=False)
        start = end  # no empty line between rows


def _table_rows(table: SyntaxTreeNode) -> list[SyntaxTreeNode]:
    return [row for part in table.children for row in part.children]
