"""Filters against what is in an index: fields that no document has, and filters that nothing passes."""

from __future__ import annotations

import itertools
import threading

from semtune.index.collection import Snapshot
from semtune.index.filters import Comparison, Filter
from semtune.index.where import comparisons, fields_of, require_known
from semtune.index.where_values import LARGEST
from semtune.search.request import DOCUMENT

LOOKED_AT = 10_000  # documents whose fields are named in the message


class FieldCheck:
    """Refuses fields that no document has; a field that was there once is not looked for again."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._lock = threading.Lock()

    def require(self, snapshot: Snapshot, where: Filter | None, group_by: str = "") -> None:
        """Check a filter, and the field that hits are grouped by.

        Raises:
            InputError: there is a field that no document has; the message suggests the nearest.
        """
        names = [] if where is None else fields_of(where)
        grouped = [group_by] if group_by not in {"", DOCUMENT} else []
        for name in [*names, *grouped]:
            if name not in self._known and snapshot.count():
                if not snapshot.count(Comparison(name, "exists", True)):
                    require_known([name], _fields(snapshot) - {name}, "The filter" if name in names else "group_by")
                with self._lock:
                    self._known.add(name)


def why_nothing_passes(snapshot: Snapshot, where: Filter | None) -> str:
    """A sentence where no document passes the filter, with the reason if its values are of the wrong kind."""
    if where is None or snapshot.count(where):
        return ""
    for each in comparisons(where):
        if each.operator not in {"=", "<", "<=", ">", ">="} or isinstance(each.value, bool):
            continue
        if isinstance(each.value, int | float) and not snapshot.count(Comparison(each.field, ">=", -LARGEST)):
            return (
                f"No document passes the filter: the field {each.field!r} has no numbers. Compare it with a text: "
                f'{each.field}{each.operator}"{each.value}".'
            )
        if isinstance(each.value, str) and not snapshot.count(Comparison(each.field, ">=", "")):
            return f"No document passes the filter: the field {each.field!r} has no texts, and {each.value!r} is one."
    return "No document passes the filter."


def _fields(snapshot: Snapshot) -> set[str]:
    return {name for document in itertools.islice(snapshot.documents(), LOOKED_AT) for name in document.metadata}
