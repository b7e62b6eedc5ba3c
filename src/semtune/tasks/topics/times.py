"""How many texts of each topic there are in each period of time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

Period = Literal["day", "month", "year"]
PERIODS: tuple[Period, ...] = ("day", "month", "year")
MOST_PERIODS = 48  # drawn side by side; with more, a longer period is taken
DAYS: dict[Period, int] = {"day": 1, "month": 30, "year": 365}
NO_DATE = "no date, or one that cannot be read (write 2026-11-28, 2026-11 or 2026)"


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts over time.

    Attributes:
        period: "day", "month" or "year"; empty without dates.
        periods: the names of all periods, in order, also of those without texts.
        of: for each topic, the number of texts in each period.
        undated: texts without a readable date.
    """

    period: str = ""
    periods: list[str] = field(default_factory=list)
    of: list[list[int]] = field(default_factory=list)
    undated: int = 0


def as_date(value: Any) -> date | None:
    """A cell as a date: a date, or text that begins with an ISO 8601 date, a year and month, or a year."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = str(value if value is not None else "").strip()
    for length, form in ((10, "%Y-%m-%d"), (7, "%Y-%m"), (4, "%Y")):
        part = text[:length]
        if len(part) == length and (len(text) == length or not text[length].isdigit()):
            try:
                return datetime.strptime(part, form).date()
            except ValueError:
                continue
    return None


def counted(topic: Sequence[int], dates: Sequence[date | None], topics: int) -> Counts:
    """Count the texts of each topic by the shortest period of which there are few enough."""
    known = [day for day in dates if day is not None]
    if not known:
        return Counts(undated=len(dates))
    span = (max(known) - min(known)).days
    fitting: list[Period] = [each for each in PERIODS if span / DAYS[each] < MOST_PERIODS]
    period: Period = fitting[0] if fitting else "year"
    names = _between(min(known), max(known), period)
    pairs = Counter(
        (number, _name(day, period))
        for number, day in zip(topic, dates, strict=True)
        if day is not None and number >= 0
    )
    table = [[pairs[number, name] for name in names] for number in range(topics)]
    return Counts(period, names, table, len(dates) - len(known))


def _name(day: date, period: Period) -> str:
    return day.isoformat()[: {"day": 10, "month": 7, "year": 4}[period]]


def _between(first: date, last: date, period: Period) -> list[str]:
    if period == "day":
        return [date.fromordinal(n).isoformat() for n in range(first.toordinal(), last.toordinal() + 1)]
    if period == "year":
        return [f"{year:04d}" for year in range(first.year, last.year + 1)]
    months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [f"{month // 12:04d}-{month % 12 + 1:02d}" for month in months]
