"""HTML to sections: the text that people read, without navigation, scripts and forms.

Parsed with selectolax's lexbor engine, which uses the algorithm of browsers: broken mark-up never fails. The tree is
walked with an explicit stack, since real pages nest deeper than Python can recurse.
"""

from __future__ import annotations

import re
from typing import Any

from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.html_boilerplate import find_boilerplate, is_frame_line
from semtune.prepare.readers.documents.outline_types import Outline, Term
from semtune.prepare.readers.documents.outliner import QUESTION_LEVEL, TERM_LEVEL, Outliner
from semtune.registry import need
from semtune.text import one_line

MAIN = ("main", "[role=main]", "article")
MIN_MAIN = 200  # characters; with less it is a placeholder that scripts would fill
_BLOCKS = (
    "address article blockquote body caption center dd details div dl dt fieldset figcaption figure hr html legend li "
    "main menu ol p section summary table tbody tfoot thead tr ul"
)
BLOCKS = frozenset(_BLOCKS.split())
LISTS = {"dl", "details"}  # their dt and summary say what the rest is about
MAX_TERM, MAX_DEPTH = 300, 4  # characters, and lists within lists; beyond them lists are used for layout
LEFT_OUT = "words of navigation, forms and boxes left out of web pages"
_CODE = frozenset({"script", "style", "template"})  # holds no text
_SITE = re.compile(r"\s+(?:[—|–·»]|::)\s+[^—|–·»]*$")  # "Lists — Python 3.11 documentation" → "Lists"


def read_html(text: str, tally: Tally | None = None) -> Outline:
    """Sections of a page: (headings from the title down, text).

    Terms of definition lists, summaries and questions in bold become a `Term` at the end of the path.

    Args:
        text: of the page.
        tally: counts the words of the page that are left out.
    """
    need("selectolax")
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(text)
    title = _title(tree)
    # Marked, not removed: removing a node whose parent was removed before reads freed memory.
    dropped = find_boilerplate(tree, text)
    found = [tree.css(selector) for selector in MAIN]
    roots = [nodes[0] for nodes in found if len(nodes) == 1 and len(nodes[0].text()) >= MIN_MAIN]
    root = roots[0] if roots else tree.body
    if root is None:
        return []
    reader = _HtmlSections(title, dropped)
    sections = reader.sections(root)
    if tally is not None:
        tally.count(LEFT_OUT, reader.left_out + (_words_beside(tree.body, root, dropped) if roots else 0))
    return sections


def _words_beside(body: Any, root: Any, dropped: set[int]) -> int:
    """Number of words of a page outside its main part."""
    count, stack = 0, [body]
    while stack:
        node = stack.pop()
        if node.mem_id == root.mem_id:
            continue
        if node.tag == "-text":
            count += len((node.text_content or "").split())
        elif node.mem_id in dropped:
            count += _words(node)
        else:
            stack.extend(_children(node))
    return count


def _words(node: Any) -> int:
    return 0 if node.tag in _CODE else len(node.text().split())


def _title(tree: Any) -> str:
    heading = tree.css_first("h1")
    if heading is not None and (text := one_line(heading.text()).rstrip("¶# ")):
        return text
    title = tree.css_first("title")
    text = one_line(title.text()) if title is not None else ""
    return _SITE.sub("", text) or text


class _HtmlSections:
    """Turns a tree into lines under headings."""

    def __init__(self, title: str, dropped: set[int]) -> None:
        self._out = Outliner(title)
        self._title = title
        self._headed = False
        self._dropped = dropped
        self._inline: list[str] = []
        self._prefix = ""
        self._depth = 0  # of definition lists
        self.left_out = 0  # words

    def sections(self, root: Any) -> Outline:
        stack: list[tuple[Any, bool]] = [(root, True)]
        while stack:
            node, entering = stack.pop()
            tag = node.tag
            if not entering:
                self._leave(tag)
            elif node.mem_id in self._dropped:
                self.left_out += _words(node)
            elif tag == "-text":
                self._inline.append(node.text_content or "")
            elif tag in {"h1", "h2", "h3", "h4", "h5", "h6"}:
                self._heading(int(tag[1]), one_line(node.text()).rstrip("¶# "))
            elif tag == "pre":
                self._pre(node.text())
            elif term := self._term(node, tag):
                self._flush()
                self._out.heading(self._level(QUESTION_LEVEL if tag == "p" else TERM_LEVEL - 2), Term(term))
            else:
                if tag == "a":
                    self._out.link(one_line(node.text()), node.attributes.get("href") or "")
                self._enter(tag)
                stack.append((node, False))
                stack.extend((child, True) for child in _children(node)[::-1])
        self._flush()
        return self._out.close()

    def _heading(self, level: int, text: str) -> None:
        self._flush()
        if not self._headed and text.casefold() == self._title.casefold():
            self.left_out += self._out.forget()  # what comes before the page's own title is menus and breadcrumbs
        self._headed = True
        self._out.heading(level, text)

    def _level(self, level: int) -> int:
        return level + 2 * self._depth

    def _term(self, node: Any, tag: str) -> str:
        """The text of a node if it says what the text after it is about, else an empty string."""
        if tag in {"dt", "summary"}:
            link = node.css_first("a[href]")
            if link is not None and one_line(link.text()) == one_line(node.text()):
                return ""  # a table of contents
            text = self._said(node).rstrip("¶# ") if 0 < self._depth <= MAX_DEPTH else ""
            return text if len(text) <= MAX_TERM else ""
        if tag != "p" or (bold := node.css_first("b, strong")) is None:
            return ""
        text = one_line(node.text())
        return (
            text if text.endswith(("?", "？")) and one_line(bold.text()).rstrip(" ?？") == text.rstrip(" ?？") else ""
        )

    def _said(self, node: Any) -> str:
        """A node's text without boilerplate."""
        parts: list[str] = []
        stack = [node]
        while stack:
            inner = stack.pop()
            if inner.tag == "-text":
                parts.append(inner.text_content or "")
            elif inner.mem_id in self._dropped:
                self.left_out += _words(inner)
            else:
                stack.extend(_children(inner)[::-1])
        return one_line("".join(parts))

    def _enter(self, tag: str) -> None:
        if tag in BLOCKS:
            self._flush()
        if tag in LISTS:
            self._depth += 1
        if tag == "li":
            self._prefix = "- "
        elif tag == "br":
            self._inline.append(" ")

    def _leave(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._inline.append(" \x1f ")  # keeps the cell on its row's line; becomes "|"
        elif tag in BLOCKS:
            self._flush()
        if tag in LISTS:
            if self._depth <= MAX_DEPTH:
                self._out.heading(self._level(TERM_LEVEL - 2), "")
            self._depth -= 1

    def _flush(self) -> None:
        line = one_line("".join(self._inline).replace("\x1f", "|")).strip("| ")
        self._inline = []
        if is_frame_line(line):
            self.left_out += len(line.split())
            line, self._prefix = "", ""
        if line:
            self._out.line(self._prefix + line)
            if not self._prefix:
                self._out.line("")
            self._prefix = ""

    def _pre(self, text: str) -> None:
        self._flush()
        self._out.line("")
        for line in text.expandtabs(4).strip("\n").split("\n"):
            self._out.line("    " + line if line.strip() else "")
        self._out.line("")


def _children(node: Any) -> list[Any]:
    return list(node.iter(include_text=True))
