"""Filters on metadata: the tree that `--where 'lang=de and year>=2020'` and the API's JSON are parsed into.

Users never write SQL: each back-end translates the tree, with values passed as parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Scalar: TypeAlias = str | int | float | bool | None
Operator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">=", "in", "exists"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field of the metadata against a value.

    Attributes:
        field: its name; dots lead into nested objects ("author.name").
        operator: "in" takes a tuple of values, "exists" takes True or False.
        value: what it is compared with. Numbers compare with numbers and strings with strings; a field of another kind,
            or none, matches nothing but "!=" and "exists". A list matches if one of its elements does.
    """

    field: str
    operator: Operator
    value: Scalar | tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """Matches where all parts match."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Matches where at least one part matches."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Matches where the part does not."""

    part: Filter


Filter: TypeAlias = Comparison | AllOf | AnyOf | Not


def matches(where: Filter, metadata: Mapping[str, Any]) -> bool:
    """Whether a document with this metadata passes; the reference for every back-end's translation."""
    if isinstance(where, AllOf):
        return all(matches(part, metadata) for part in where.parts)
    if isinstance(where, AnyOf):
        return any(matches(part, metadata) for part in where.parts)
    if isinstance(where, Not):
        return not matches(where.part, metadata)
    return _compares(where, value_of(metadata, where.field))


def value_of(metadata: Mapping[str, Any], name: str) -> Any:
    """The value of a field, by its whole name first; None if there is none."""
    if name in metadata:
        return metadata[name]
    found: Any = metadata
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found


def _compares(where: Comparison, found: Any) -> bool:
    if where.operator == "exists":
        return (found is not None) == bool(where.value)
    if where.operator == "!=":
        return not _compares(Comparison(where.field, "=", where.value), found)
    if isinstance(found, (list, tuple)):
        return any(_compares(where, element) for element in found)
    if where.operator == "in":
        values = where.value if isinstance(where.value, tuple) else (where.value,)
        return any(_equal(found, value) for value in values)
    if where.operator == "=":
        return _equal(found, where.value)
    return _ordered(where.operator, found, where.value)


def _equal(found: Any, value: Any) -> bool:
    return _kind(found) == _kind(value) and found == value


def _ordered(operator: str, found: Any, value: Any) -> bool:
    if _kind(found) != _kind(value) or _kind(found) not in {"number", "text"}:
        return False
    return {"<": found < value, "<=": found <= value, ">": found > value, ">=": found >= value}[operator]


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "truth"
    return "number" if isinstance(value, (int, float)) else "text" if isinstance(value, str) else type(value).__name__
