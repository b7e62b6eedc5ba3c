"""The table of accuracy by language pair, for the terminal and the page."""

from __future__ import annotations

import math
from collections.abc import Mapping

Matrix = Mapping[str, Mapping[str, float]]


def matrix_rows(matrix: Matrix) -> tuple[list[str], list[list[str]]]:
    """Head and rows: one row per language of the queries, one column per language that is searched.

    If one language is in every pair, as English is in Tatoeba: one row per other language, one column per direction.
    """
    hub = _hub(matrix)
    if hub:
        others = [one for one in matrix if one != hub]
        rows = [[one, _shown(matrix[one].get(hub)), _shown(matrix[hub].get(one))] for one in others]
        return ["language", f"→ {hub}", f"{hub} →"], rows
    columns = list(dict.fromkeys(two for row in matrix.values() for two in row))
    return ["asked ↓, searched →", *columns], [
        [one, *(_shown(row.get(two)) for two in columns)] for one, row in matrix.items()
    ]


def _hub(matrix: Matrix) -> str:
    """The one language that all others are paired with, and only with it; empty if there is none."""
    hubs = [one for one, row in matrix.items() if len(matrix) > 1 and row.keys() == matrix.keys() - {one}]
    hub = hubs[-1] if hubs else ""
    return hub if all(row.keys() == {hub} for one, row in matrix.items() if one != hub) else ""


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if math.isfinite(value) else "–"
