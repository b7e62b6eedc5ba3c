"""Filters as users write them: `lang=de and year>=2020` on the command line, JSON values over HTTP and in Python.

Both are parsed into the tree of `semtune.index.filters`. Nothing of a user's text ever reaches a database as code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from semtune.errors import InputError, nearest
from semtune.index.filters import AllOf, AnyOf, Comparison, Filter, Not
from semtune.index.where_parser import KEYWORDS, MAX_DEPTH, parse
from semtune.index.where_values import OPERATORS, checked, is_operator, require_order

Where: TypeAlias = str | Mapping[str, Any] | Filter
"""What users give: a text, JSON values, or a tree that is already parsed."""

MAX_LENGTH, MAX_VALUES = 20_000, 1_000  # characters of a filter, values that it compares with
SHOWN_FIELDS = 20

_BARE = re.compile(r"[^\W\d][\w.\-]*")


def parse_where(where: Where | None) -> Filter | None:
    """The tree of a filter; None for no filter.

    Raises:
        InputError: it cannot be understood; the message names the place and what is allowed.
    """
    if isinstance(where, str):
        return parse_json(_loaded(where)) if where.lstrip().startswith("{") else parse_text(where)
    if where is None or isinstance(where, Comparison | AllOf | AnyOf | Not):
        return where
    return parse_json(where) if where else None


def parse_text(text: str) -> Filter:
    """The tree of a filter such as `lang=de and (year>=2020 or not draft=true) and author exists`.

    Raises:
        InputError: it cannot be understood.
    """
    if len(text) > MAX_LENGTH:
        raise InputError(f"The filter has {len(text):,} characters; at most {MAX_LENGTH:,} are allowed.")
    if not text.strip():
        raise InputError("The filter is empty. Give one such as lang=de, or leave it out.")
    return _limited(parse(text))


def parse_json(values: Any) -> Filter:
    """The tree of JSON values such as `{"lang": "de", "year": {">=": 2020}}`, `{"or": [..., ...]}`, `{"not": ...}`.

    Raises:
        InputError: they cannot be understood.
    """
    return _limited(_from_json(values, "where", 0))


def to_text(where: Filter) -> str:
    """A filter as text; `parse_text` makes an equal tree of it, apart from groups of a single part."""
    if isinstance(where, AllOf | AnyOf):
        return (" and " if isinstance(where, AllOf) else " or ").join(map(_part, where.parts))
    if isinstance(where, Not):
        return f"not {_part(where.part)}"
    name = where.field
    if not _BARE.fullmatch(name) or name.casefold() in KEYWORDS:
        name = json.dumps(name, ensure_ascii=False)
    if where.operator == "exists":
        return f"{name} exists" if where.value else f"{name} not exists"
    if where.operator == "in":
        values = where.value if isinstance(where.value, tuple) else (where.value,)
        return f"{name} in ({', '.join(map(_literal, values))})"
    return f"{name} {where.operator} {_literal(where.value)}"


def fields_of(where: Filter) -> list[str]:
    """The names of the fields in a filter, each once, in its order."""
    return list(dict.fromkeys(comparison.field for comparison in comparisons(where)))


def unknown_fields(where: Filter | Sequence[str], known: Iterable[str]) -> dict[str, str]:
    """Names in a filter that no document has → ` Did you mean 'x'?` for the nearest known name, or an empty text.

    Args:
        where: the filter, or names of fields.
        known: fields of the documents; of nested ones the outer name or the whole name with dots.
    """
    names = sorted(set(known))
    asked = where if isinstance(where, Sequence) else fields_of(where)
    return {name: nearest(name, names) for name in asked if not _is_known(name, names)}


def require_known(where: Filter | Sequence[str], known: Iterable[str], what: str = "The filter") -> None:
    """Refuse a field that no document has.

    Args:
        where: the filter, or names of fields.
        known: as in `unknown_fields`.
        what: names them, for the message.

    Raises:
        InputError: it names such a field; the message suggests the nearest name and lists the fields there are.
    """
    names = sorted(set(known))
    for name, hint in unknown_fields(where, names).items():
        shown = ", ".join(names[:SHOWN_FIELDS]) + (", ..." if len(names) > SHOWN_FIELDS else "")
        has = f"Fields of the documents: {shown}." if names else "The documents have no metadata."
        raise InputError(f"{what} names the field {name!r}, which no document has.{hint} {has}")


def _is_known(name: str, names: list[str]) -> bool:
    parts = name.split(".")
    outer = {".".join(parts[:end]) for end in range(1, len(parts) + 1)}
    return any(known in outer or known.startswith(f"{name}.") for known in names)


def comparisons(where: Filter) -> Iterator[Comparison]:
    """All comparisons in a filter, in its order."""
    if isinstance(where, Comparison):
        yield where
        return
    for part in (where.part,) if isinstance(where, Not) else where.parts:
        yield from comparisons(part)


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(f"The filter begins like JSON, but it is not valid JSON ({error}).") from None


def _limited(where: Filter) -> Filter:
    values = sum(len(c.value) if isinstance(c.value, tuple) else 1 for c in comparisons(where))
    if values > MAX_VALUES:
        raise InputError(f"The filter compares with {values:,} values; at most {MAX_VALUES:,} are allowed.")
    return where


def _part(where: Filter) -> str:
    return f"({to_text(where)})" if isinstance(where, AllOf | AnyOf) else to_text(where)


def _literal(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _from_json(values: Any, place: str, depth: int) -> Filter:
    if depth >= MAX_DEPTH:
        raise InputError(f"The filter is nested more than {MAX_DEPTH} deep.")
    if not isinstance(values, Mapping):
        raise InputError(f'{place} must be an object such as {{"lang": "de"}}, found {_shown(values)}.')
    if not values:
        raise InputError(f'{place} is an empty object. Give a field and a value, such as {{"lang": "de"}}.')
    parts = [_entry(str(name), value, f"{place}.{name}", depth) for name, value in values.items()]
    return parts[0] if len(parts) == 1 else AllOf(tuple(parts))


def _entry(name: str, value: Any, place: str, depth: int) -> Filter:
    if name in {"and", "or"}:
        if not isinstance(value, list | tuple) or not value:
            raise InputError(f"{place} must be a list of filters, found {_shown(value)}.")
        parts = tuple(_from_json(part, f"{place}[{number}]", depth + 1) for number, part in enumerate(value))
        return parts[0] if len(parts) == 1 else AllOf(parts) if name == "and" else AnyOf(parts)
    if name == "not":
        return Not(_from_json(value, place, depth + 1))
    if isinstance(value, Mapping):
        return _operators(name, value, place)
    if isinstance(value, list | tuple):
        raise InputError(f'{place} is a list. Write {{"in": [...]}} for one of several values.')
    return Comparison(name, "=", _value(value, place))


def _operators(name: str, values: Mapping[Any, Any], place: str) -> Filter:
    if not values:
        raise InputError(f'{place} is an empty object. Give an operator and a value, such as {{">=": 2020}}.')
    parts = tuple(_comparison(name, str(operator), value, place) for operator, value in values.items())
    return parts[0] if len(parts) == 1 else AllOf(parts)


def _comparison(name: str, word: str, value: Any, place: str) -> Comparison:
    operator = "=" if word == "==" else word
    if not is_operator(operator):
        raise InputError(f"{place}: there is no operator {word!r}. Allowed: {', '.join(OPERATORS)}.")
    if operator == "exists":
        if not isinstance(value, bool):
            raise InputError(f"{place}: exists must be true or false, found {_shown(value)}.")
        return Comparison(name, operator, value)
    if operator == "in":
        if not isinstance(value, list | tuple) or not value:
            raise InputError(f"{place}: in must be a list of values, found {_shown(value)}.")
        return Comparison(name, operator, tuple(_value(each, place) for each in value))
    found = _value(value, place)
    try:
        require_order(operator, found)
    except InputError as error:
        raise InputError(f"{place}: {error}") from None
    return Comparison(name, operator, found)


def _value(value: Any, place: str) -> Any:
    try:
        return checked(value)
    except InputError as error:
        raise InputError(f"{place}: {error}") from None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
