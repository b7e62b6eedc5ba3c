"""What somebody likes: the items of a history with their weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from semtune.tasks.recommend.events import Event, Kind, read_events
from semtune.tasks.recommend.settings import RecommendSettings

DAY = 86_400.0  # seconds
MOST = 100  # items of each kind that count
LEAST = 1e-9  # weight of an event that counts
UNKNOWN = "item is not in the index"
WEAKER, TOO_OLD = f"older or weaker than the {MOST} that count", "of no weight: too old, or views that count nothing"


@dataclass(frozen=True, slots=True)
class Profile:
    """A history, weighed.

    Attributes:
        liked: id → weight of what was liked or viewed, the heaviest first.
        disliked: id → weight.
        seen: ids of everything in the history.
        left_out: reason → number of events that do not count.
        warnings: about the file.
    """

    liked: dict[str, float]
    disliked: dict[str, float]
    seen: frozenset[str]
    left_out: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def given(settings: RecommendSettings) -> list[Event]:
    """The events of the ids that were given; they have no time, and count as the newest."""
    kinds: list[tuple[Kind, tuple[str, ...]]] = [
        ("like", settings.like),
        ("dislike", settings.dislike),
        ("view", settings.viewed),
    ]
    return [Event(id_, kind) for kind, ids in kinds for id_ in ids]


def weighed(events: Sequence[Event], settings: RecommendSettings) -> Profile:
    """The profile of events.

    The last like or dislike of an item is what counts of it; views of it count if there is neither. With a half life
    an event's weight halves with each such time before the newest event.

    Args:
        events: in their order; those without a time are the newest.
        settings: the weights.
    """
    newest = max((event.time for event in events if event.time is not None), default=0.0)
    order = sorted(events, key=lambda event: float("inf") if event.time is None else event.time)  # stable
    decided: dict[str, Event] = {}
    for event in order:
        before = decided.get(event.item)
        if before is None or before.kind == "view" or event.kind != "view":
            decided[event.item] = event
    liked: dict[str, float] = {}
    disliked: dict[str, float] = {}
    for id_, event in decided.items():
        weight = event.weight * (settings.view_weight if event.kind == "view" else 1.0)
        if settings.half_life is not None and event.time is not None:
            weight *= 0.5 ** ((newest - event.time) / DAY / settings.half_life)
        if weight >= LEAST:
            (disliked if event.kind == "dislike" else liked)[id_] = weight
    beyond = max(0, len(liked) - MOST) + max(0, len(disliked) - MOST)
    left = {WEAKER: beyond, TOO_OLD: len(decided) - len(liked) - len(disliked)}
    return Profile(
        _heaviest(liked), _heaviest(disliked), frozenset(decided), {why: count for why, count in left.items() if count}
    )


def _heaviest(weights: dict[str, float]) -> dict[str, float]:
    """At most MOST, the heaviest first; of equal ones the latest."""
    latest_first = reversed(list(weights.items()))
    return dict(sorted(latest_first, key=lambda item: -item[1])[:MOST])


def history_events(settings: RecommendSettings) -> tuple[list[Event], dict[str, int], list[str]]:
    """The events of the history's file, reason → rows that are none, and warnings.

    Raises:
        InputError: it cannot be read.
    """
    if not settings.history:
        return [], {}, []
    read = read_events(Path(settings.history), users=False, option="--history")
    return read.events, read.left_out, read.warnings
