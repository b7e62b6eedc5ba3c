"""The tables of accuracy by language pair, for the terminal and the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from semtune.evaluate.language_pairs import LanguagePair
from semtune.evaluate.result import Scores
from semtune.evaluate.verdict.language_pairs import across, weak_pairs
from semtune.evaluate.verdict.slices import LEVEL, Slice
from semtune.languages.codes import language_name
from semtune.report.elements import Cell, Row, Table

Matrix = Mapping[str, Mapping[str, float]]
SHOWN = 12  # languages that a terminal shows; all are in the page and in --json


def matrix_rows(matrix: Matrix) -> tuple[list[str], list[list[str]]]:
    """Head and rows: one row per language of the queries, one column per language that is searched.

    If one language is in every pair, as English is in Tatoeba: one row per other language, one column per direction.
    """
    hub = hub_of(matrix)
    if hub:
        others = [one for one in matrix if one != hub]
        rows = [[one, _shown(matrix[one].get(hub)), _shown(matrix[hub].get(one))] for one in others]
        return ["language", f"→ {hub}", f"{hub} →"], rows
    columns = list(dict.fromkeys(two for row in matrix.values() for two in row))
    return ["asked ↓, searched →", *columns], [
        [one, *(_shown(row.get(two)) for two in columns)] for one, row in matrix.items()
    ]


def terminal_rows(scores: Scores) -> tuple[list[str], list[list[str]], str]:
    """As `matrix_rows`, the weakest languages first, with n and intervals where one language is in every pair.

    Returns:
        Head, rows, and what was left out, in words; empty if nothing was.
    """
    hub = hub_of(scores.matrix)
    if not hub or not scores.language_pairs:
        head, rows = matrix_rows(scores.matrix)
        return head, rows, ""
    head = ["language", "n", f"→ {hub}", f"{hub} →", "unknown", "cut"]
    rows = _hub_rows(scores, hub, digits=2)
    shown = [[language, *(f"{c.text} {c.aside}".strip() for c in cells)] for language, cells in rows[:SHOWN]]
    left = f"The {SHOWN} weakest of {len(rows)} languages; all are in --json, and with -o in report.html."
    return head, shown, left if len(rows) > SHOWN else ""


def page_table(scores: Scores) -> Table:
    """All pairs with their intervals, weak ones in bold, and how the texts of each language were read."""
    hub = hub_of(scores.matrix)
    if not scores.language_pairs:
        head, rows = matrix_rows(scores.matrix)
        return Table(head, [Row(row[0], row[1:]) for row in rows])
    if hub:
        head = ["language", "n", f"→ {hub}", f"{hub} →", "unknown tokens", "cut"]
        return Table(head, [Row(language, cells) for language, cells in _hub_rows(scores, hub)])
    weak = {(pair.source, pair.target) for pair in weak_pairs(scores)}
    pairs = {(pair.source, pair.target): pair for pair in scores.language_pairs}
    columns = list(dict.fromkeys(pair.target for pair in scores.language_pairs))
    rows = [
        Row(
            _titled(one), [*(_cell(pairs.get((one, two)), weak, 3, below=True) for two in columns), *_read(scores, one)]
        )
        for one in scores.matrix
    ]
    return Table(["asked ↓, searched →", *columns, "unknown tokens", "cut"], rows)


def compared_table(parts: Sequence[Slice]) -> Table | None:
    """Two models on each pair of languages, the worst first; None without a comparison."""
    if not parts:
        return None
    rows = []
    for part in parts:
        low, high = part.interval
        gain = Cell(f"{part.gain:+.4f}", f"[{low:+.4f}, {high:+.4f}]", strong=part.p_corrected < LEVEL)
        title = Cell(f"{part.value}: worse", strong=True) if part.worse else part.value
        rows.append(
            Row(title, [f"{part.n:,}", f"{part.other:.4f}", f"{part.tuned:.4f}", gain, f"{part.p_corrected:.4f}"])
        )
    head = ["", "n", "before", "after", Cell("gain", notes=["95 % interval"]), Cell("p", notes=["corrected"])]
    return Table(head, rows)


def hub_of(matrix: Matrix) -> str:
    """The one language that all others are paired with, and only with it; empty if there is none."""
    hubs = [one for one, row in matrix.items() if len(matrix) > 1 and row.keys() == matrix.keys() - {one}]
    hub = hubs[-1] if hubs else ""
    return hub if all(row.keys() == {hub} for one, row in matrix.items() if one != hub) else ""


def _hub_rows(scores: Scores, hub: str, digits: int = 3) -> list[tuple[str, list[Cell]]]:
    """A row per other language, the weakest first by the mean of both directions: its name, and the cells."""
    weak = {(pair.source, pair.target) for pair in weak_pairs(scores)}
    pairs = {(pair.source, pair.target): pair for pair in across(scores)}
    matrix = scores.matrix
    others = sorted((matrix[one].get(hub, 0.0) + matrix[hub].get(one, 0.0), one) for one in matrix if one != hub)
    rows = []
    for _, one in others:
        there, back = pairs.get((one, hub)), pairs.get((hub, one))
        n = next((pair.n for pair in (there, back) if pair), 0)
        rows.append(
            (
                _titled(one),
                [Cell(f"{n:,}"), *(_cell(each, weak, digits) for each in (there, back)), *_read(scores, one)],
            )
        )
    return rows


def _cell(pair: LanguagePair | None, weak: set[tuple[str, str]], digits: int, below: bool = False) -> Cell:
    """An accuracy with its interval, which stands on a line of its own if `below`."""
    if pair is None:
        return Cell("")
    low, high = pair.interval()
    strong, bounds = (pair.source, pair.target) in weak, f"[{low:.{digits}f}, {high:.{digits}f}]"
    if below:
        return Cell(f"{pair.accuracy:.{digits}f}", notes=[bounds], strong=strong)
    return Cell(f"{pair.accuracy:.{digits}f}", bounds, strong=strong)


def _read(scores: Scores, language: str) -> list[Cell]:
    """Share of unknown tokens, and number of texts that were cut."""
    read = scores.languages.get(language)
    if read is None:
        return [Cell(""), Cell("")]
    return [Cell("" if read.unknown is None else f"{read.unknown:.1%}"), Cell(f"{read.cut:,}" if read.cut else "0")]


def _titled(code: str) -> str:
    name = language_name(code)
    return name if name == code else f"{name} ({code})"


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if math.isfinite(value) else "–"
