"""Repairs mojibake, UTF-8 that was once decoded as something else ("donâ€™t"), with ftfy (Speer 2019).

ftfy's own hint (`is_bad`) tells which texts to look at. Code is left alone, and so are quotes, widths and ligatures:
nothing but the encoding is repaired.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from functools import cache
from typing import Any

from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.outline_types import Link, Linked, Outline, Term, links_of
from semtune.registry import installed

REPAIRED = "texts with mojibake, repaired"
SHOWN = 30  # characters of an example on either side of the first repair
_LOST = re.compile('Ã\u00a0\\s?["«»“”]')  # the second half of a letter became a quote: what it was cannot be told
_QUOTED = re.compile(
    "[\"“„«‘'「『(]\\s?[\u0080-\u017f\u2010-\u2017\u2020-\u22ff]{2,6}\\s?[\"”“»’'」』)]"
)  # speaks of mojibake
_CODE = re.compile(r"(<(pre|code|samp|kbd|script|style|textarea)\b.*?</\2\s*>)", re.IGNORECASE | re.DOTALL)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


def repair(text: str) -> str:
    """A text with its encoding repaired line by line; the same object where there is nothing to repair."""
    if not _is_suspect(text) or (fixer := _fixer()) is None:
        return text
    lines = text.split("\n")
    repaired = [line if line.isascii() or _LOST.search(line) or _QUOTED.search(line) else fixer(line) for line in lines]
    return text if repaired == lines else "\n".join(repaired)


def repair_cell(text: str, tally: Tally) -> str:
    """A cell of a table with its encoding repaired; a repair is counted."""
    repaired = repair(text)
    if repaired is not text:
        _note(text, repaired, tally)
    return repaired


def repair_page(source: str, tally: Tally) -> str:
    """The source of an HTML page, repaired except for code.

    This must come before white space is collapsed: half of "Ã\u00a0" (à) is white space.
    """
    if not _is_suspect(source):
        return source
    parts = _CODE.split(source)  # text, code, the name of its tag, text ...
    repaired = "".join(repair(part) if n % 3 == 0 else part for n, part in enumerate(parts) if n % 3 != 2)
    if repaired != source:
        _note(source, repaired, tally)
    return repaired


def repair_outline(outline: Outline, tally: Tally) -> Outline:
    """The outline of a file, repaired except for code; sections with repairs are counted."""
    result: Outline = []
    for path, body in outline:
        repaired = tuple(_heading(heading) for heading in path), _body(body)
        for before, after in zip((*path, body), (*repaired[0], repaired[1]), strict=True):
            if before != after:
                _note(before, after, tally)
                break
        result.append(repaired)
    return result


def _heading(heading: str) -> str:
    repaired = repair(heading)
    return heading if repaired is heading else Term(repaired) if isinstance(heading, Term) else repaired


def _body(body: str) -> str:
    if not _is_suspect(body):
        return body
    lines, fence = [], ""
    for line in body.split("\n"):
        mark = _FENCE.match(line)
        if fence or mark or line.startswith("    "):
            lines.append(line)
        else:
            lines.append(repair(line))
        if mark:
            fence = "" if fence and mark.group(1).startswith(fence) else fence or mark.group(1)
    repaired = "\n".join(lines)
    links = links_of(body)
    return Linked(repaired, [Link(repair(link.text), link.href) for link in links]) if links else repaired


def _note(before: str, after: str, tally: Tally) -> None:
    place = next((n for n, (one, two) in enumerate(zip(before, after, strict=False)) if one != two), 0)
    shown = (text[max(0, place - SHOWN) : place + SHOWN].replace("\n", " ") for text in (before, after))
    one, two = shown
    tally.pair(REPAIRED, one, two, SequenceMatcher(None, one, two, autojunk=False).ratio())


def _is_suspect(text: str) -> bool:
    """Whether a text may hold mojibake; never where ftfy is not installed (the light install)."""
    if text.isascii() or _fixer() is None:
        return False
    from ftfy.badness import is_bad

    return is_bad(text)


@cache
def _fixer() -> Any:
    """The repair of one line; None where ftfy is not installed (the light install)."""
    if not installed("ftfy"):
        return None
    from ftfy import TextFixerConfig, fix_encoding

    chosen = TextFixerConfig(restore_byte_a0=False, replace_lossy_sequences=False)  # both guess
    return lambda line: fix_encoding(line, chosen)
