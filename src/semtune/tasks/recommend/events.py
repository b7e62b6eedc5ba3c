"""Reads what people did with items: a history, or the interactions of many users; what is left out is counted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from semtune.bulk.source import id_of
from semtune.errors import InputError
from semtune.prepare.drop_log import by_reason
from semtune.tasks.tables import open_given

Kind: TypeAlias = Literal["like", "dislike", "view"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MAX_BAD = 0.5  # share of rows that may be unusable
MILLISECONDS = 1e11  # a Unix time above is in milliseconds: in seconds it would be after the year 5000
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "user": ("user", "user_id", "session", "session_id", "basket", "basket_id", "order", "order_id", "customer",
             "customer_id", "visitor", "visitor_id"),
    "item": ("item", "item_id", "product", "product_id", "document", "document_id", "sku", "id", "_id"),
    "event": ("event", "event_type", "type", "action", "kind"),
    "time": ("time", "timestamp", "datetime", "date", "ts"),
    "weight": ("weight",),
}  # fmt: skip
WORDS: Mapping[str, Kind] = {
    **dict.fromkeys(("like", "liked", "love", "favourite", "favorite", "buy", "purchase", "transaction", "order",
                     "addtocart", "add_to_cart", "cart", "save", "share", "upvote"), "like"),
    **dict.fromkeys(("dislike", "disliked", "hide", "downvote", "reject", "return"), "dislike"),
    **dict.fromkeys(("view", "viewed", "click", "open", "read", "visit"), "view"),
}  # fmt: skip
NO_ITEM, NO_USER, NO_KIND = "no item", "no user", f"event is none of {', '.join(KINDS)}"
NO_TIME, BAD_TIME, BAD_WEIGHT = "no time", "time cannot be understood", "weight is not a number above 0"
LEAST_WEIGHT, MOST_WEIGHT = 1e-6, 1e6


@dataclass(frozen=True, slots=True)
class Event:
    """Somebody did something with an item.

    Attributes:
        item: its id.
        kind: what was done.
        time: seconds since 1970; None if the file has no times.
        weight: of the event.
        user: or session, or basket; empty in a history.
    """

    item: str
    kind: Kind = "like"
    time: float | None = None
    weight: float = 1.0
    user: str = ""


@dataclass(frozen=True, slots=True)
class ReadEvents:
    """Events in the file's order, whether they have times, and reason → number of rows that are none."""

    events: list[Event]
    timed: bool
    left_out: dict[str, int]
    warnings: list[str]


class _UnusableError(ValueError):
    """Why a row is no event."""


def read_events(path: Path, users: bool, option: str) -> ReadEvents:
    """Read a table of events.

    Args:
        path: CSV, TSV, JSON lines, Parquet or another table, with a column of items and, if known, event and time.
        users: a column says whose each event is.
        option: names the file in messages.

    Raises:
        InputError: it is no such table, a column is missing, or more than half of the rows are unusable.
    """
    wanted = "user, item" if users else "item"
    given = open_given(path, option, f"{wanted}, and event and time where they are known")
    opened, bad = given.opened, given.bad
    columns = _columns(path, opened.columns, users, option)
    found: list[Event] = []
    for number, row in opened.rows:
        try:
            found.append(_event(row, columns))
        except _UnusableError as error:
            bad.refuse(number, str(error), row)
    bad.check(MAX_BAD)
    if not found:
        raise InputError(f"{option} {path} holds no event. Give a table with {wanted} in each row.")
    return ReadEvents(found, "time" in columns, by_reason(given.tally.dropped), [*given.tally.warnings])


def _columns(path: Path, found: Sequence[str], users: bool, option: str) -> dict[str, str]:
    """What a column is → its name in the file."""
    names = {str(name).strip().lower(): name for name in reversed(found)}
    columns = {
        role: names[alias]
        for role, aliases in COLUMNS.items()
        if (alias := next((name for name in aliases if name in names), None))
    }
    for role in ("user", "item") if users else ("item",):
        if role not in columns:
            raise InputError(f"{option} {path} has no column of {role}s. Found: {', '.join(map(str, found))}. Call it "
                             f"one of {', '.join(COLUMNS[role])}.")  # fmt: skip
    return columns


def _event(row: Mapping[str, Any], columns: Mapping[str, str]) -> Event:
    item = id_of(row, columns["item"])
    user = id_of(row, columns["user"]) if "user" in columns else ""
    if not item or user is None:
        raise _UnusableError(NO_USER if item else NO_ITEM)
    kind = _kind(row.get(columns["event"])) if "event" in columns else "like"
    time = parse_time(row.get(columns["time"])) if "time" in columns else None
    weight = _weight(row.get(columns["weight"])) if "weight" in columns else 1.0
    return Event(item, kind, time, weight, user)


def _kind(value: Any) -> Kind:
    word = str(value).strip().lower().replace(" ", "_")
    if word not in WORDS:
        raise _UnusableError(NO_KIND)
    return WORDS[word]


def _weight(value: Any) -> float:
    if value is None or value == "":
        return 1.0
    try:
        weight = float(value)
    except (TypeError, ValueError):
        raise _UnusableError(BAD_WEIGHT) from None
    if not math.isfinite(weight) or weight <= 0 or isinstance(value, bool):
        raise _UnusableError(BAD_WEIGHT)
    return min(max(weight, LEAST_WEIGHT), MOST_WEIGHT)


def parse_time(value: Any) -> float:
    """Seconds since 1970 of a Unix time in seconds or milliseconds, or of ISO 8601; without a zone it is UTC.

    Raises:
        ValueError: it is no time.
    """
    if value is None or value == "":
        raise _UnusableError(NO_TIME)
    if isinstance(value, datetime):
        return _seconds(value)
    try:
        number = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return _iso(str(value).strip())
    if not math.isfinite(number):
        raise _UnusableError(BAD_TIME)
    return number / 1000 if abs(number) > MILLISECONDS else number


def _iso(text: str) -> float:
    try:
        return _seconds(datetime.fromisoformat(text[:-1] + "+00:00" if text[-1:] in {"Z", "z"} else text))
    except (ValueError, OverflowError):
        raise _UnusableError(BAD_TIME) from None


def _seconds(value: datetime) -> float:
    return (value if value.tzinfo else value.replace(tzinfo=timezone.utc)).timestamp()
