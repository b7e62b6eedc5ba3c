"""Metadata as terms: short hashes of "this field has this value", which every version of Milvus compares alike.

Milvus versions differ in how they compare JSON with missing fields, lists and other kinds. An array of strings either
contains a string or not, so a filter on terms means exactly what `semtune.index.filters.matches` says.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

MAX_TERMS = 4096  # an array of Milvus holds no more
MAX_DEPTH = 32
LENGTH = 24
Mark = Literal["exists", "number", "text", "nested number", "nested text", "list"]


def term(field: str, what: str, value: str = "") -> str:
    """The term of a fact about a field."""
    return hashlib.blake2b(json.dumps([field, what, value]).encode(), digest_size=LENGTH // 2).hexdigest()


def mark(field: str, what: Mark) -> str:
    """The term that says what kind of value a field has; "nested" ones lie in an object."""
    return term(field, what)


def equal(field: str, value: str | float | bool | None) -> str:
    """The term of a field that has this value, or a list with it."""
    return term(field, "=", _canonical(value))


def terms_of(metadata: Mapping[str, Any]) -> list[str] | None:
    """All terms of a document's metadata; None if terms cannot express it (too many, or odd numbers)."""
    found: dict[str, None] = {}
    try:
        for field, value, nested in _fields(metadata):
            for made in _of_field(field, value, nested):
                found[made] = None
            if len(found) > MAX_TERMS:
                return None
    except ValueError:
        return None
    return list(found)


def _fields(metadata: Mapping[str, Any]) -> Iterator[tuple[str, Any, bool]]:
    """Field, value, and whether it lies in an object, for every name that a filter can use."""
    for key, value in metadata.items():
        yield key, value, False
        if isinstance(value, Mapping) and "." not in key:
            for name, inner in _nested(key, value, 1):
                if name not in metadata:
                    yield name, inner, True


def _nested(prefix: str, values: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Any]]:
    if depth > MAX_DEPTH:
        raise ValueError("too deep")
    for key, value in values.items():
        if "." in key:  # no name leads there
            _check(value, depth + 1)
            continue
        yield f"{prefix}.{key}", value
        if isinstance(value, Mapping):
            yield from _nested(f"{prefix}.{key}", value, depth + 1)


def _of_field(field: str, value: Any, nested: bool) -> Iterator[str]:
    _check(value, 0)
    if value is None:
        return
    yield mark(field, "exists")
    if isinstance(value, Mapping):
        return
    if isinstance(value, list):
        if value:
            yield mark(field, "list")
        for element in _elements(value):
            yield equal(field, element)
        return
    if not isinstance(value, bool):
        kind = "text" if isinstance(value, str) else "number"
        yield term(field, f"nested {kind}" if nested else kind)
    yield equal(field, value)


def _elements(values: list[Any]) -> Iterator[str | float | bool | None]:
    for value in values:
        if isinstance(value, list):
            yield from _elements(value)
        elif not isinstance(value, Mapping):
            yield value


def _check(value: Any, depth: int) -> None:
    """Refuse what a JSON field of Milvus would not give back as it was."""
    if depth > MAX_DEPTH:
        raise ValueError("too deep")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("not finite")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("too big")
    for inner in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        _check(inner, depth + 1)


def _canonical(value: str | float | bool | None) -> str:
    """One string for all values that are equal: 1 and 1.0, but not True."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"truth:{value}"
    if isinstance(value, str):
        return f"text:{value}"
    if isinstance(value, float) and not value.is_integer():
        return f"number:{value!r}"
    return f"number:{int(value)}"
