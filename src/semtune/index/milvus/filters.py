"""Translates filters into Milvus' expressions, so that they give exactly what `semtune.index.filters.matches` gives."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from semtune.index.filters import AllOf, AnyOf, Comparison, Filter, Not, Scalar
from semtune.index.milvus import terms

EVERYTHING, NOTHING = "place >= 0", "place < 0"
CAREFUL = "careful == true"
ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True, slots=True)
class Translated:
    """A filter as expressions.

    Attributes:
        sure: right for every document for which `doubt` does not hold.
        doubt: holds for documents that must be looked at in Python: with lists in fields that are compared by order,
            or metadata that no expression reaches.
    """

    sure: str
    doubt: str = CAREFUL

    @property
    def candidates(self) -> str:
        """Holds for all documents that match, and for some that do not."""
        return f"({self.sure}) or ({self.doubt})"

    @property
    def certain(self) -> str:
        """Holds for documents that match without a look at their metadata."""
        return f"({self.sure}) and not ({self.doubt})"


def translate(where: Filter) -> Translated:
    """The expressions of a filter; values appear in them as hashes, numbers or escaped strings only."""
    try:
        lists: dict[str, None] = {}
        sure = _expression(where, lists)
    except _InexpressibleError:
        return Translated(NOTHING, EVERYTHING)
    return Translated(sure, f"{CAREFUL} or {_any(lists)}" if lists else CAREFUL)


def text(value: str) -> str:
    """A string literal of Milvus' expressions."""
    return f'"{"".join(ESCAPES.get(letter, letter) for letter in value)}"'


def one_of(field: str, values: Iterable[str]) -> str:
    """The expression that a string field has one of these values."""
    return f"{field} in [{', '.join(text(value) for value in values)}]"


class _InexpressibleError(Exception):
    """A part of a filter can only be decided in Python."""


def _expression(where: Filter, lists: dict[str, None]) -> str:
    """The expression of a filter; `lists` takes the terms of list fields that it does not cover."""
    if isinstance(where, (AllOf, AnyOf)):
        word, empty = (" and ", EVERYTHING) if isinstance(where, AllOf) else (" or ", NOTHING)
        return word.join(f"({_expression(part, lists)})" for part in where.parts) or empty
    if isinstance(where, Not):
        return f"not ({_expression(where.part, lists)})"
    return _comparison(where, lists)


def _comparison(where: Comparison, lists: dict[str, None]) -> str:
    field, value = where.field, where.value
    if where.operator == "exists":
        exists = _contains(terms.mark(field, "exists"))
        return exists if value else f"not {exists}"
    if where.operator in {"=", "!=", "in"}:
        values = value if where.operator == "in" and isinstance(value, tuple) else (value,)
        found = " or ".join(_equal(field, one) for one in values if not isinstance(one, tuple)) or NOTHING
        return f"not ({found})" if where.operator == "!=" else found
    if isinstance(value, tuple):
        raise _InexpressibleError
    return _ordered(where, value, lists)


def _equal(field: str, value: Scalar) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return NOTHING  # documents with such numbers are looked at in Python
    contained = _contains(terms.equal(field, value))
    return f"({contained} or not {_contains(terms.mark(field, 'exists'))})" if value is None else contained


def _ordered(where: Comparison, value: Scalar, lists: dict[str, None]) -> str:
    if value is None or isinstance(value, bool):
        return NOTHING
    if not isinstance(value, str) and not -(2**63) <= value < 2**63:  # infinities and NaN, too
        raise _InexpressibleError
    kind = "text" if isinstance(value, str) else "number"
    literal = text(value) if isinstance(value, str) else repr(value)
    lists[terms.mark(where.field, "list")] = None
    paths = {kind: [where.field], f"nested {kind}": where.field.split(".")}
    return " or ".join(
        f"({_contains(terms.term(where.field, what))} and {_path(path)} {where.operator} {literal})"
        for what, path in paths.items()
        if what == kind or len(path) > 1
    )


def _path(parts: list[str]) -> str:
    return "metadata" + "".join(f"[{text(part)}]" for part in parts)


def _contains(one: str) -> str:
    return f'array_contains(terms, "{one}")'


def _any(several: Iterable[str]) -> str:
    return " or ".join(map(_contains, several))
