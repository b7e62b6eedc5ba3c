"""What is not text of the document: running heads and page numbers; and words that the ends of lines split."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

from semtune.prepare.readers.documents.pdf.layout import Page, Piece
from semtune.text import one_line

EDGE = 2  # lines at the top and at the bottom of a page that may be running heads and feet
MARGIN = 0.12  # share of a page's height
MIN_PAGES = 3  # that a running head stands on, in a document with more
NEAR = 2  # pages between two of them: left and right pages may differ
MOST = 0.6  # share of the steps between them that are near
SAME_HEIGHT = 4.0  # points
SHORT_HALF = 3  # letters
_NUMBER = re.compile(r"\d+")
_ENDS = re.compile(r"^\d+\b|\b\d+$")
_ROMAN = re.compile(r"^[ivxlcdm]+$|\b(?<=page )[ivxlcdm]+\b", re.IGNORECASE)
_SPLIT = re.compile(r"(\w+(?:-\w+)*)(?:\x02|\xad|(?<=\w)-)\s*\n\s*(\w+)")
_WITHIN = re.compile(r"\xad(?=\w)")  # a soft hyphen within a line
_WORD = re.compile(r"\w+(?:-\w+)*")


def without_running_heads(pages: Sequence[Page]) -> tuple[list[list[Piece]], int]:
    """The lines of pages without what repeats in their margins, and how many lines that were."""
    slots: dict[int, list[tuple[int, Piece]]] = defaultdict(list)  # by height on the page
    for number, page in enumerate(pages):
        for line in _edges(page):
            slots[round(line.bottom / SAME_HEIGHT)].append((number, line))
    running: set[int] = set()
    for height, found in slots.items():
        found = found + slots.get(height + 1, [])  # a little higher on some pages
        running |= _repeated(found, len(pages)) | _numbered(found, len(pages))
    return [[line for line in page.lines if id(line) not in running] for page in pages], len(running)


def _edges(page: Page) -> list[Piece]:
    """The first and the last lines of a page that stand in its margins."""
    low, high = MARGIN * page.height, (1 - MARGIN) * page.height
    ordered = sorted(page.lines, key=lambda line: line.bottom)
    return [line for line in ordered[:EDGE] if line.bottom < low] + [
        line for line in ordered[-EDGE:] if line.top > high
    ]


def _repeated(found: list[tuple[int, Piece]], pages: int) -> set[int]:
    """Lines that are alike but for their numbers on pages near each other."""
    alike: dict[str, list[tuple[int, Piece]]] = defaultdict(list)
    for number, line in found:
        alike[_key(line)].append((number, line))
    kept = [lines for lines in alike.values() if _repeats(sorted({number for number, _ in lines}), pages)]
    return {id(line) for lines in kept for _, line in lines}


def _numbered(found: list[tuple[int, Piece]], pages: int) -> set[int]:
    """Lines that begin or end with the number of their page, whatever else they say."""
    shifts: dict[int, list[tuple[int, Piece]]] = defaultdict(list)
    for number, line in found:
        for digits in {each for each in _ENDS.findall(line.text.strip()) if len(each) <= 5}:
            shifts[int(digits) - number].append((number, line))
    kept = [lines for lines in shifts.values() if _repeats(sorted({number for number, _ in lines}), pages)]
    return {id(line) for lines in kept for _, line in lines}


def _key(line: Piece) -> str:
    """A line without its numbers, which count pages."""
    text = one_line(line.text).casefold()
    return _NUMBER.sub("#", _ROMAN.sub("#", text))


def _repeats(numbers: list[int], pages: int) -> bool:
    if pages <= MIN_PAGES:
        return len(numbers) == pages > 1
    near = sum(after - before <= NEAR for before, after in pairwise(numbers))
    return len(numbers) >= MIN_PAGES and near >= MOST * (len(numbers) - 1)


def rejoin(texts: Iterable[str]) -> list[str]:
    """Texts with the words rejoined that hyphens split at the ends of lines; compounds keep theirs."""
    texts = [_WITHIN.sub("", text) for text in texts]
    known = Counter(word.casefold() for text in texts for word in _WORD.findall(text.replace("\x02", "-")))
    return [_SPLIT.sub(lambda found: _whole(found, known), text).replace("\x02", "-") for text in texts]


def _whole(found: re.Match[str], known: Counter[str]) -> str:
    before, after = found.group(1), found.group(2)
    joined, compound = f"{before}{after}", f"{before}-{after}"
    if known[joined.casefold()]:
        return joined
    if known[compound.casefold()] or not after[0].islower() or "-" in before or len(before) == 1:
        return compound
    halves = (before.casefold(), after.casefold())
    words = all(len(half) >= SHORT_HALF and known[half] > 1 for half in halves)
    return compound if words else joined
