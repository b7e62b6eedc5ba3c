"""Negatives that came with the source: they stay when negatives are mined again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from semtune.prepare.mine.mining_report import MiningResult


def given_negatives_kept(earlier: Mapping[str, Any], result: MiningResult) -> int | None:
    """The number of negatives per pair that the source gave; those mined earlier are replaced. None: all stay."""
    each = earlier.get("given_each") or {}
    if not earlier.get("mined", 0) + earlier.get("filled", 0):
        return None
    if each.get("least", 0) == each.get("most", 0):
        return each.get("most", 0)
    result.warning = (
        "Negatives were mined for this data set before, and the source gave its pairs different numbers of negatives. "
        "The two kinds cannot be told apart, so all of them stay. Mine from the source to replace them."
    )
    return None
