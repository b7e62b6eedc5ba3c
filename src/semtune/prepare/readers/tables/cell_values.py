"""The value of a cell as text; HTML in it is read like a page."""

from __future__ import annotations

import re
from typing import Any

from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.html import read_html
from semtune.prepare.readers.files.mojibake import repair_cell
from semtune.text import tidy

_HTML = re.compile(
    r"\s*<(?:!--|(?:p|div|span|ul|ol|table|section|article|h[1-6]|a|b|strong|em|i|br|html|body)\b[^>]*>)", re.I
)
_CLOSED = re.compile(r"</(?:p|div|span|ul|ol|table|section|article|h[1-6]|a|b|strong|em|i|html|body)\s*>", re.I)
_ENDS = re.compile(r"</(?:p|ul|ol)>\s*$", re.IGNORECASE)  # where the beginning was cut off
_BLOCK_END = re.compile(r"</(?:p|li|div|td)>", re.IGNORECASE)
MANY = 3  # block ends from which a text is HTML although it does not begin with a tag


def cell_text(value: Any, tally: Tally) -> str:
    """A cell as text; empty for None and for other types."""
    if isinstance(value, list):
        return cell_text(value[0], tally) if len(value) == 1 else ""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return ""
    text = str(value)
    if "<" in text and is_html(text):
        tally.count("cells with HTML, read as text")
        text = _from_html(text)
    return repair_cell(tidy(text).strip(), tally)


def cell_texts(value: Any, tally: Tally) -> list[str]:
    """A cell as texts: one text, or a list of them (FlagEmbedding's pos and neg)."""
    values = value if isinstance(value, list) else [value]
    return [text for item in values if (text := cell_text(item.get("text") if isinstance(item, dict) else item, tally))]


def is_html(text: str) -> bool:
    """Whether a cell is HTML: it begins with a tag and closes one, ends with a paragraph, or has several block ends."""
    if _HTML.match(text) and _CLOSED.search(text):
        return True
    return bool(_ENDS.search(text[-20:])) or len(_BLOCK_END.findall(text)) >= MANY


def _from_html(text: str) -> str:
    sections = read_html(text)
    return "\n\n".join(f"{path[-1]}\n{body}" if path else body for path, body in sections)
