"""Equal texts are found first, for free; what is left is compared by a model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semtune.bulk.rows import TextRow
from semtune.tasks.duplicates.settings import Keep
from semtune.text import key, short_id

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True, slots=True)
class Distinct:
    """Distinct texts in the order in which they are preferred, and the rows that hold each.

    Attributes:
        ids: made from the text alone; equal ids, equal texts but for case and white space.
        rows: of each text, as places in the rows given, in their order; the first one is kept.
        texts: of the first rows.
    """

    ids: list[str]
    rows: list[list[int]]
    texts: list[str]

    def __len__(self) -> int:
        return len(self.ids)


def distinct_texts(rows: Sequence[TextRow], keep: Keep = "first", preferred: frozenset[str] = frozenset()) -> Distinct:
    """Put equal texts together: case and white space are ignored.

    Args:
        rows: the texts.
        keep: "first": earlier texts are preferred; "longest": longer ones.
        preferred: ids that come before all others.
    """
    places: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        places.setdefault(key(row.text), []).append(place)
    found = [(short_id("t", rows[same[0]].text), same) for same in places.values()]

    def order(one: tuple[str, list[int]]) -> tuple[bool, int, int]:
        return one[0] not in preferred, -len(rows[one[1][0]].text) if keep == "longest" else 0, one[1][0]

    found.sort(key=order)
    return Distinct([name for name, _ in found], [same for _, same in found], [rows[s[0]].text for _, s in found])


def numbers_of(texts: Sequence[str]) -> NDArray[np.int64]:
    """(n,) equal values for texts with the same numbers in the same order; models see little of numbers."""
    known: dict[tuple[str, ...], int] = {}
    values = np.empty(len(texts), dtype=np.int64)
    for at, text in enumerate(texts):
        values[at] = known.setdefault(tuple(_NUMBER.findall(text)), len(known))
    return values
