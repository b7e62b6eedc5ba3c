"""Filters as SQL over the JSON of the metadata; exactly what `semtune.index.filters.matches` lets pass.

Names and values are parameters, never SQL. What SQLite cannot compare exactly (fractions, which it reads from text with
another rounding than Python, lists, and odd names of fields) is handed to `matches` itself.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field

from semtune.index.filters import AllOf, AnyOf, Comparison, Filter, Not, Scalar, matches

PYTHON = "semtune_passes"
LARGEST = 2**63
NOTHING, EVERYTHING = "0", "1"


@dataclass
class FilterSql:
    """A condition on the table `documents`.

    Attributes:
        condition: SQL that is 1 or 0.
        values: its parameters.
        parts: what the condition hands to Python, by number.
    """

    condition: str = EVERYTHING
    values: list[Scalar] = field(default_factory=list)
    parts: list[Filter] = field(default_factory=list)

    def install(self, connection: sqlite3.Connection) -> None:
        """Make the Python part callable from the condition."""

        def passes(number: int, metadata: str) -> bool:
            return matches(self.parts[number], json.loads(metadata))

        connection.create_function(PYTHON, 2, passes, deterministic=True)


def translate(where: Filter) -> FilterSql:
    """The condition that lets the same documents pass as `matches(where, …)`."""
    made = FilterSql(parts=[where])
    condition = _condition(where, made)
    # SQLite ends a string at an escaped NUL, so texts with control characters are compared by Python.
    made.condition = f"(CASE WHEN instr(metadata, '\\u00') THEN {PYTHON}(0, metadata) ELSE {condition} END)"
    return made


def _condition(where: Filter, made: FilterSql) -> str:
    if isinstance(where, AllOf | AnyOf):
        parts = [_condition(part, made) for part in where.parts]
        if isinstance(where, AllOf):
            return f"({' AND '.join(parts)})" if parts else EVERYTHING
        return f"({' OR '.join(parts)})" if parts else NOTHING
    if isinstance(where, Not):
        return f"(NOT {_condition(where.part, made)})"
    paths = _paths(where.field)
    if paths is None or not _is_plain(where):
        return _by_python(where, made)
    inner = [_at(path, where, made) for path in paths[:1]]
    if len(paths) == 1:
        return inner[0]
    whole = f"json_type(metadata, ?{_bind(paths[0], made)}) IS NOT NULL"
    return f"(CASE WHEN {whole} THEN {inner[0]} ELSE {_at(paths[1], where, made)} END)"


def _paths(name: str) -> list[str] | None:
    """JSON paths to a field: by its whole name, then through nested objects; None if SQLite cannot spell them."""
    parts = name.split(".")
    if any(not part or '"' in part or "\\" in part or any(ord(c) < 32 for c in part) for part in parts):
        return None
    whole = f'$."{name}"'
    return [whole] if len(parts) == 1 else [whole, "$" + "".join(f'."{part}"' for part in parts)]


def _is_plain(where: Comparison) -> bool:
    """Whether all values can be parameters: no fractions, and no numbers beyond 64 bits."""
    values = where.value if isinstance(where.value, tuple) else (where.value,)
    return all(
        not isinstance(value, float) and not (isinstance(value, int) and not -LARGEST <= value < LARGEST)
        and not (isinstance(value, str) and not _is_text(value))
        for value in values
    )  # fmt: skip


def _is_text(value: str) -> bool:
    return "\0" not in value and not any(0xD800 <= ord(c) <= 0xDFFF for c in value)


def _bind(value: Scalar, made: FilterSql) -> int:
    made.values.append(value)
    return len(made.values)


def _by_python(where: Comparison, made: FilterSql) -> str:
    made.parts.append(where)
    return f"{PYTHON}({len(made.parts) - 1}, metadata)"


def _at(path: str, where: Comparison, made: FilterSql) -> str:
    """The comparison of the value at a path."""
    place = f"metadata, ?{_bind(path, made)}"
    kind = f"coalesce(json_type({place}), 'null')"
    if where.operator == "exists":
        return f"({kind} {'<>' if where.value else '='} 'null')"
    if where.operator == "!=":
        equal = Comparison(where.field, "=", where.value)
        return f"(NOT {_compared(place, kind, equal, made)})"
    return _compared(place, kind, where, made)


def _compared(place: str, kind: str, where: Comparison, made: FilterSql) -> str:
    values = where.value if isinstance(where.value, tuple) and where.operator == "in" else (where.value,)
    tests = [_one(place, kind, "=" if where.operator == "in" else where.operator, value, made) for value in values]
    plain = f"({' OR '.join(tests)})" if tests else NOTHING
    odd = f"{kind} = 'array' OR typeof(json_extract({place})) = 'real'"  # also integers beyond 64 bits
    return f"(CASE WHEN {odd} THEN {_by_python(where, made)} ELSE {plain} END)"


def _one(place: str, kind: str, operator: str, value: Scalar | tuple[Scalar, ...], made: FilterSql) -> str:
    """A comparison with one value; lists and fractions are dealt with before."""
    if isinstance(value, bool):
        return f"({kind} = '{'true' if value else 'false'}')" if operator == "=" else NOTHING
    if value is None:
        return f"({kind} = 'null')" if operator == "=" else NOTHING
    if isinstance(value, tuple):
        return NOTHING
    wanted = "text" if isinstance(value, str) else "integer"
    return f"({kind} = '{wanted}' AND json_extract({place}) {operator} ?{_bind(value, made)})"
