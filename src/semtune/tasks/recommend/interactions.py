"""Interactions of many users as baskets of an index's items; what is not used is counted by reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from semtune.errors import InputError
from semtune.prepare.drop_log import Tally, by_reason
from semtune.tasks.recommend.events import Event, read_events
from semtune.tasks.recommend.held_out import Basket
from semtune.tasks.recommend.profile import UNKNOWN

REPEATED, DISLIKED = "the same item again in a basket", "a dislike, which is not learned from"
FOUND_LEAST = 0.5  # share of events whose items are in the index; with fewer the ids are probably of another kind


@dataclass(frozen=True, slots=True)
class Interactions:
    """Baskets, sorted by user.

    Attributes:
        baskets: at least one has two items.
        timed: the events have times.
        left_out: reason → number of events.
        warnings: about the file.
    """

    baskets: list[Basket]
    timed: bool
    left_out: dict[str, int]
    warnings: list[str]

    @property
    def events(self) -> int:
        """Number of events that are used."""
        return sum(len(basket.rows) for basket in self.baskets)


def read_interactions(path: Path, row: Mapping[str, int]) -> Interactions:
    """Read a table of user (or session, basket), item, and time, event and weight where they are known.

    Args:
        path: of the table.
        row: id → row of each item of the index.

    Raises:
        InputError: it is no such table, or no basket has two items of the index.
    """
    read = read_events(path, users=True, option="--interactions")
    tally = Tally()
    by_user: dict[str, dict[int, Event]] = {}
    for event in sorted(read.events, key=lambda event: event.time or 0.0):  # stable: equal times in the file's order
        if event.item not in row:
            tally.drop(UNKNOWN, event.item)
        elif event.kind == "dislike":
            tally.drop(DISLIKED, event.item)
        elif row[event.item] in (basket := by_user.setdefault(event.user, {})):
            tally.drop(REPEATED, event.item)
        else:
            basket[row[event.item]] = event
    baskets = [_basket(user, events, read.timed) for user, events in sorted(by_user.items())]
    unknown = tally.dropped.get(UNKNOWN, {"count": 0, "example": ""})
    if not any(len(basket.rows) > 1 for basket in baskets):
        raise InputError(
            f"{path}: no user, session or basket has two items of the index ({unknown['count']:,} of "
            f"{len(read.events):,} events are of items that it does not have{_example(unknown['example'])}). Give the "
            "ids of the index's documents, and several rows for each user."
        )
    warnings = list(read.warnings)
    if unknown["count"] > (1 - FOUND_LEAST) * len(read.events):
        warnings.append(f"{unknown['count']:,} of {len(read.events):,} events are of items that the index does not "
                        f"have{_example(unknown['example'])}.")  # fmt: skip
    return Interactions(baskets, read.timed, {**read.left_out, **by_reason(tally.dropped)}, warnings)


def _basket(user: str, events: Mapping[int, Event], timed: bool) -> Basket:
    times = tuple(event.time or 0.0 for event in events.values()) if timed else None
    return Basket(user, tuple(events), times)


def _example(id_: str) -> str:
    return f", such as {id_!r}" if id_ else ""
