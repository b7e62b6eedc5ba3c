"""The value of a cell as text; HTML in it is read like a page, and a list spelled out as text like a list."""

from __future__ import annotations

import ast
import html
import json
import re
from typing import Any

from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.html import read_html
from semtune.prepare.readers.files.mojibake import repair_cell
from semtune.text import tidy
from semtune.types import Document

_HTML = re.compile(
    r"\s*<(?:!--|(?:p|div|span|ul|ol|table|section|article|h[1-6]|a|b|strong|em|i|br|html|body)\b[^>]*>)", re.I
)
_CLOSED = re.compile(r"</(?:p|div|span|ul|ol|table|section|article|h[1-6]|a|b|strong|em|i|html|body)\s*>", re.I)
_ENDS = re.compile(r"</(?:p|ul|ol)>\s*$", re.IGNORECASE)  # where the beginning was cut off
_BLOCK_END = re.compile(r"</(?:p|li|div|td)>", re.IGNORECASE)
_PAIR = re.compile(r"<(p|div|span|li|h[1-6]|a|b|strong|em|i|u|sup|sub|code|td)\b[^<>]*>[^<>]+</\1\s*>", re.I)
_ATTRIBUTE = re.compile(r"""<(?:a|p|div|span|img)\s+(?:href|class|style|src|id)\s*=\s*["'][^<>]*>""", re.I)
_BREAK = re.compile(r"\S<br\s*/?>|<br\s*/?>[^\s`]", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|[lr][sd]quo|[mn]dash|hellip|#\d{2,6}|#[xX][0-9a-fA-F]{2,5});")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(\.\d{1,15})?")
MANY = 3  # block ends from which a text is HTML although it does not begin with a tag
_STRING = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_LIST = re.compile(rf"(?:array\()?\[\s*({_STRING}(?:(?:\s*,\s*|\s+){_STRING})*)\s*,?\s*\](?:, dtype=\w+\))?", re.DOTALL)
_ITEM = re.compile(_STRING, re.DOTALL)


def as_number(value: Any) -> Any:
    """The number that a cell of a CSV file spells as Python would; other cells, such as "007" or "1e5", stay text.

    Filters compare numbers with numbers: "year>=2020" must match the cell 2021.
    """
    found = _NUMBER.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or found[0] == "-0":
        return value
    return float(found[0]) if found[1] else int(found[0])


def cell_text(value: Any, tally: Tally, *, old: bool = False) -> str:
    """A cell as text; empty for None and for other types.

    Args:
        value: of the cell.
        tally: counts what was changed.
        old: the table is in an old encoding: what looks like mojibake was never UTF-8, so nothing is repaired.
    """
    if isinstance(value, str):
        value = _listed(value, tally)
    if isinstance(value, list):
        return cell_text(value[0], tally, old=old) if len(value) == 1 else ""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return ""
    text = str(value)
    if "<" in text and is_html(text):
        tally.count("cells with HTML, read as text")
        text = _from_html(text, tally)
    elif "&" in text and _ENTITY.search(text):
        tally.count("cells with HTML, read as text")
        text = _ENTITY.sub(lambda found: html.unescape(found[0]), text).replace("\xa0", " ")
    text = tidy(text).strip()
    return text if old else repair_cell(text, tally)


def cell_texts(value: Any, tally: Tally, *, old: bool = False) -> list[str]:
    """A cell as texts: one text, or a list of them (FlagEmbedding's pos and neg)."""
    return [document.content for document in cell_documents(value, "", tally, old=old)]


def cell_documents(value: Any, title: str, tally: Tally, *, old: bool = False) -> list[Document]:
    """A cell as documents: one text, or a list; items may be objects with a title and a text."""
    if isinstance(value, str):
        value = _listed(value, tally)
    found: list[Document] = []
    for item in value if isinstance(value, list) else [value]:
        inner = item if isinstance(item, dict) else {"text": item}
        own = cell_text(inner.get("title"), tally, old=old) or title
        if text := cell_text(inner.get("text"), tally, old=old):
            found.append(Document("", text, own))
    return found


def cell_paragraphs(value: Any, tally: Tally, *, old: bool = False) -> str:
    """A cell as one text; the texts of a list are its paragraphs."""
    if isinstance(value, str):
        value = _listed(value, tally)
    if isinstance(value, list):
        return "\n\n".join(text for item in value if (text := cell_text(item, tally, old=old)))
    return cell_text(value, tally, old=old)


def _listed(text: str, tally: Tally) -> str | list[Any]:
    """The list of texts that a cell spells out in Python's, NumPy's or JSON's way; else the cell as it is."""
    bare = text.strip()
    if bare[:1] not in "[a" or bare[-1:] not in "])":
        return text
    found = _json_list(bare) or _python_list(bare)
    if not found:
        return text
    tally.count("cells with a list as text, read as a list")
    return found


def _json_list(text: str) -> list[Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return []
    if not isinstance(value, list):
        return []
    texts = [item.get("text") if isinstance(item, dict) else item for item in value]
    return value if all(isinstance(text, str) for text in texts) else []


def _python_list(text: str) -> list[Any]:
    found = _LIST.fullmatch(text)
    try:
        return [ast.literal_eval(item.replace("\n", "\\n")) for item in _ITEM.findall(found[1])] if found else []
    except (ValueError, SyntaxError):
        return []


def is_html(text: str) -> bool:
    """Whether a cell is HTML: by a tag at its beginning, an attribute, blocks that end in it, or two marks within.

    A single `<b>x</b>` may be what the text is about.
    """
    if (_HTML.match(text) and _CLOSED.search(text)) or _ATTRIBUTE.search(text) or _BREAK.search(text):
        return True
    if _ENDS.search(text[-20:]) or len(_BLOCK_END.findall(text)) >= MANY:
        return True
    return len(_PAIR.findall(text)) + bool(_ENTITY.search(text)) > 1


def _from_html(text: str, tally: Tally) -> str:
    sections = read_html(text, tally)
    return "\n\n".join(f"{path[-1]}\n{body}" if path else body for path, body in sections)
