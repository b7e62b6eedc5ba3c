"""The pieces of text on a page as lines: columns one after the other, a row of a table on one line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from semtune.text import one_line

SAME_ROW = 0.5  # share of the lower piece's height in which two pieces on a row overlap
CELL_GAP = 1.2  # heights between two pieces; from it on they are cells or columns, not words
WORD_GAP = 0.15  # heights between two pieces; from it on there is a space
PARAGRAPH = 1.5  # usual distances between lines; from it on a paragraph ends
MAX_STEP = 2.5  # heights of a line, from one to the next of a paragraph
MIN_ROWS = 2  # of a table
MIN_LINES = 3  # of a pair of columns
MIN_WORDS = 3  # of the usual line in a column of prose
FILLED = 0.6  # share of the column's width that its usual line fills
ALIKE = 1.8  # how many times wider one column of prose may be than the other


@dataclass(slots=True)
class Piece:
    """Text at a place on a page; the origin is at the bottom left."""

    text: str
    left: float
    bottom: float
    right: float
    top: float

    @property
    def height(self) -> float:
        """Of its box, at least one point."""
        return max(self.top - self.bottom, 1.0)


Row = list[Piece]


@dataclass(frozen=True, slots=True)
class Page:
    """The lines of a page in reading order, and its height in points."""

    lines: list[Piece]
    height: float


def to_lines(pieces: Iterable[Piece]) -> list[Piece]:
    """The lines of a page in reading order, from its pieces in the order of the file."""
    lines: list[Piece] = []
    for block in _blocks(_rows(pieces)):
        if len(block[0]) == 1 and len(block) == 1:
            lines.append(block[0][0])
        elif (gutter := _gutter(block)) is not None:
            lines += [piece for row in block for piece in row if piece.left < gutter]
            lines += [piece for row in block for piece in row if piece.left >= gutter]
        else:
            table = sum(len(row) > 1 for row in block) >= MIN_ROWS
            lines += [_joined(row, " | " if table else " ") for row in block]
    return lines


def with_gaps(lines: Sequence[Piece]) -> list[str]:
    """The text of lines, with an empty one where a paragraph ends."""
    steps = [above.bottom - line.bottom for above, line in pairwise(lines)]
    usual = median([step for step in steps if step > 0] or [0.0])
    texts: list[str] = []
    for number, line in enumerate(lines):
        step = steps[number - 1] if number else 0.0
        if number and (step > PARAGRAPH * min(usual, MAX_STEP * line.height) or step < 0):
            texts.append("")
        texts.append(line.text)
    return texts


def _rows(pieces: Iterable[Piece]) -> list[Row]:
    """Pieces that stand side by side; those that only a word's space separates become one."""
    rows: list[Row] = []
    for piece in pieces:
        last = rows[-1][-1] if rows else None
        if last is None or not _beside(last, piece):
            rows.append([piece])
        elif piece.left - last.right >= CELL_GAP * max(last.height, piece.height):
            rows[-1].append(piece)
        else:
            rows[-1][-1] = _merged(last, piece)
    return rows


def _beside(last: Piece, piece: Piece) -> bool:
    overlap = min(last.top, piece.top) - max(last.bottom, piece.bottom)
    return overlap >= SAME_ROW * min(last.height, piece.height) and piece.left > last.left


def _merged(last: Piece, piece: Piece) -> Piece:
    spaced = last.text.endswith(" ") or piece.text.startswith(" ")
    gap = piece.left - last.right >= WORD_GAP * max(last.height, piece.height)
    text = last.text + (" " if gap and not spaced else "") + piece.text
    return Piece(text, last.left, min(last.bottom, piece.bottom), piece.right, max(last.top, piece.top))


def _joined(row: Row, between: str) -> Piece:
    text = between.join(one_line(piece.text) for piece in row if piece.text.strip())
    if row[-1].text.endswith("\x02"):
        text = text.rstrip("\x02") + "\x02"
    return Piece(text, row[0].left, min(p.bottom for p in row), row[-1].right, max(p.top for p in row))


def _blocks(rows: list[Row]) -> list[list[Row]]:
    """Rows of several pieces that follow each other, with the single pieces between them; others stand alone."""
    blocks: list[list[Row]] = []
    for row in rows:
        if blocks and len(blocks[-1][0]) > 1 and (len(row) > 1 or _within(row[0], blocks[-1])):
            blocks[-1].append(row)
        else:
            blocks.append([row])
    return blocks


def _within(piece: Piece, block: list[Row]) -> bool:
    """Whether a single piece stands in one of the two columns of the rows above it."""
    pairs = [row for row in block if len(row) == 2]
    last = block[-1][-1]
    if len(pairs) < MIN_LINES or last.bottom - piece.bottom > 2.5 * last.height:
        return False
    ends, starts = max(row[0].right for row in pairs), min(row[1].left for row in pairs)
    return ends <= starts and (piece.right <= starts or piece.left >= ends)


def _gutter(block: list[Row]) -> float | None:
    """Where the second of two columns of prose begins; None: the block is a table or a line."""
    pairs = [row for row in block if len(row) == 2]
    if len(pairs) < MIN_LINES or len(pairs) < 0.6 * len(block) or any(len(row) > 2 for row in block):
        return None
    columns = [[row[side] for row in pairs] for side in (0, 1)]
    ends, starts = max(piece.right for piece in columns[0]), min(piece.left for piece in columns[1])
    widths = [max(p.right for p in column) - min(p.left for p in column) for column in columns]
    if ends > starts or max(widths) > ALIKE * min(widths):
        return None
    prose = all(map(_is_prose, columns, widths))
    return starts if prose else None


def _is_prose(column: list[Piece], width: float) -> bool:
    words = median(len(piece.text.split()) for piece in column)
    filled = median(piece.right - piece.left for piece in column)
    return words >= MIN_WORDS and filled >= FILLED * width
