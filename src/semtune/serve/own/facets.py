"""The fields of the metadata that have few values, with how often each occurs: what a page offers as filters."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

from semtune.index.collection import Snapshot

LOOKED_AT = 50_000  # documents, the first ones
MOST_VALUES, MOST_FIELDS = 24, 12
LONGEST = 60  # characters of a value
MANY = 1_000  # values after which a field is no longer counted
# Where a document comes from, which is no kind of document.
PLACES = frozenset({"source", "group", "span", "url", "headings", "part", "parts"})


def facets(snapshot: Snapshot, looked_at: int = LOOKED_AT) -> dict[str, Any]:
    """{"fields": [{"field", "values": [{"value", "count"}]}], "looked_at", "documents"}, commonest values first."""
    found: dict[str, Counter[Any]] = {}
    dropped: set[str] = set()
    seen = 0
    for document in itertools.islice(snapshot.documents(), looked_at):
        seen += 1
        for name, value in document.metadata.items():
            if name not in dropped and name not in PLACES and not _count(found.setdefault(name, Counter()), value):
                dropped.add(name)
                del found[name]
    fields = [_field(name, counts) for name, counts in found.items() if _distinguishes(counts, seen)]
    return {"fields": fields[:MOST_FIELDS], "looked_at": seen, "documents": snapshot.count()}


def _count(counts: Counter[Any], value: Any) -> bool:
    """Count a value, or each of a list; False if the field cannot be offered."""
    values = value if isinstance(value, list | tuple) else [value]
    for each in values:
        if isinstance(each, float) or not isinstance(each, str | bool | int) or len(str(each)) > LONGEST:
            return each is None
        counts[(type(each).__name__, each)] += 1  # 1 and True are equal
    return len(counts) <= MANY


def _distinguishes(counts: Counter[Any], documents: int) -> bool:
    """Whether the values split the documents into few groups."""
    few = 1 <= len(counts) <= min(MOST_VALUES, max(2, documents // 2))
    return few and not (len(counts) == 1 and counts.total() == documents)


def _field(name: str, counts: Counter[Any]) -> dict[str, Any]:
    ordered = sorted(counts.items(), key=lambda each: (-each[1], str(each[0][1])))
    return {"field": name, "values": [{"value": value, "count": count} for (_, value), count in ordered]}
