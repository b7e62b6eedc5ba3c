"""Splitting text into units that stay whole: sentences of prose, lines of code, list items.

Deliberately simple: regular expressions, no model, any language that ends its sentences with . ! ? … or their Chinese
and Japanese forms.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from semtune.text import CJK, one_line

_ENDS = re.compile(
    r"""(?<=[.!?…])["'”’)\]]*(\s+)(?=["'“‘„«(\[¿¡]*[^\W_a-z])|(?<=[。！？｡।॥؟۔])[」』）”’]*(\s*)(?=\S)"""
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[])(?:e\.g|i\.e|etc|cf|vs|approx|resp|Dr|Mr|Mrs|Ms|Prof|St|Fig|Figs|Eq|No|Vol|Sec|Ch|al|"
    r"z\.B|d\.h|u\.a|o\.ä|bzw|usw|ca|bspw|ggf|evtl|inkl|vgl|Nr|Abs|Bd|Hrsg|Mio|Mrd|Std|p\.ex|env|Sra|Sr|[^\W\d_])\.$"
)
LONGEST = 12  # characters; no abbreviation with the space before it is longer
_ORDINAL = re.compile(r"(?:^|\s)\d{1,2}\.$")
_MONTH = re.compile(r"(?:Jan|Jän|Feb|Mär|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez)")  # "am 3. Oktober"
_BROKEN = re.compile(rf"(?<=[{CJK}，。、；：！？」』）])\n(?=[{CJK}「『（])")  # a line of Chinese or Japanese goes on
_ITEM = re.compile(r"\s*(?:[-*+•·]|\d{1,3}[.)]|[a-z][.)])\s+\S")
_KEPT_LINE = re.compile(r"(?:\s{2,}|\t)\S|>>>|\.\.\. |\$ |\||#|:\w+:|@")
_FENCE = re.compile(r"\s{0,3}(```|~~~)")


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of text, the white space before it, and whether it is a sentence of prose."""

    text: str
    gap: str
    prose: bool


def units(text: str) -> list[Unit]:
    """Split a text into its units; joined with their gaps they give the text back, with white space tidied.

    Lines of code, list items and table rows stay lines. Other lines of a paragraph are assumed to be wrapped: they are
    joined and split into sentences.
    """
    found: list[Unit] = []
    prose: list[str] = []
    gap, fenced = "", False

    def flush() -> None:
        nonlocal gap
        if prose:
            found.extend(_sentences(one_line(_BROKEN.sub("", "\n".join(prose))), gap))
            prose.clear()
            gap = "\n"

    for line in text.split("\n"):
        is_fence = bool(_FENCE.match(line))
        if not line.strip():
            flush()
            gap = "\n\n" if found else ""
        elif fenced or is_fence or _KEPT_LINE.match(line) or _ITEM.match(line):
            flush()
            found.append(Unit(line.rstrip(), gap, prose=False))
            gap = "\n"
        else:
            prose.append(line)
        fenced ^= is_fence
    flush()
    return found


def sentences(text: str) -> list[str]:
    """The sentences of one paragraph."""
    return [unit.text for unit in _sentences(one_line(text), "")]


def join(pieces: list[Unit]) -> str:
    """Units back to text; the first one's gap is left out."""
    return "".join(unit.gap * (number > 0) + unit.text for number, unit in enumerate(pieces))


def _sentences(text: str, gap: str) -> list[Unit]:
    found: list[Unit] = []
    start = 0
    for match in _ENDS.finditer(text):
        group = 1 if match.group(1) is not None else 2
        end, after = match.span(group)
        if group == 1 and (
            _ABBREVIATION.search(text[max(start, end - LONGEST) : end]) or _goes_on(text, start, end, after)
        ):
            continue
        found.append(Unit(text[start:end], gap, prose=True))
        start, gap = after, " " if after > end else ""
    if start < len(text):
        found.append(Unit(text[start:], gap, prose=True))
    return found


def _goes_on(text: str, start: int, end: int, after: int) -> bool:
    """Whether the sentence goes on after a full stop: a lower-case letter follows, or the month of a German date."""
    first = text[after : after + 4].lstrip("\"'“‘„«([")[:1] if text[after] in "\"'“‘„«([" else text[after]
    return first.islower() or bool(_MONTH.match(text, after) and _ORDINAL.search(text[max(start, end - 4) : end]))
