"""Which events are learned from, and which are held out: the last of a basket, later than all that is learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from semtune.tasks.recommend.settings import LearnSettings
from semtune.text import stable_hash

MOST_HISTORY = 100  # items of a basket that count, the last ones


@dataclass(frozen=True, slots=True)
class Basket:
    """The items that one user, session or order had, each once.

    Attributes:
        user: whose it is.
        rows: of the items, in the order of their times, or of the file.
        times: of the events, rising; None if they are not known.
    """

    user: str
    rows: tuple[int, ...]
    times: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A history, and the item that came next."""

    history: tuple[int, ...]
    target: int


@dataclass(frozen=True, slots=True)
class Part:
    """Baskets to learn from, and cases held out of them: whole baskets, or what is later than all that is learned."""

    train: list[tuple[int, ...]]
    cases: list[Case]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What the blend is chosen on, what it is judged on, and how they were held out, in words."""

    dev: Part
    test: Part
    how: str


def hold_out(baskets: Sequence[Basket], settings: LearnSettings) -> HeldOut:
    """Hold out the last event of baskets.

    With times, two moments cut the events: what is before the first is learned from, the last event of each basket
    between the two makes dev, and after the second, test (learned from all that is before it). A case's history may
    hold later events than what is learned from, never later ones than its target. Without times, whole baskets are held
    out by a hash of their name, and one item of each, chosen by the same hash, is to be found.

    Args:
        baskets: of all users.
        settings: shares, number of cases, seed.
    """
    if all(basket.times is not None for basket in baskets):
        return _by_time(baskets, settings)
    return _by_hash(baskets, settings)


def _by_time(baskets: Sequence[Basket], settings: LearnSettings) -> HeldOut:
    times = np.sort(np.concatenate([basket.times or () for basket in baskets]))
    first = float(np.quantile(times, 1 - settings.test_share - settings.dev_share, method="higher"))
    second = float(np.quantile(times, 1 - settings.test_share, method="higher"))
    parts = [
        Part(
            [rows for basket in baskets if (rows := _before(basket, begin))],
            _some([case for basket in baskets if (case := _last(basket, begin, end))], settings),
        )
        for begin, end in ((first, second), (second, float("inf")))
    ]
    how = "the last event of each basket after a moment, learned from all that is before it"
    return HeldOut(parts[0], parts[1], how)


def _before(basket: Basket, moment: float) -> tuple[int, ...]:
    return tuple(row for row, time in zip(basket.rows, basket.times or (), strict=True) if time < moment)


def _last(basket: Basket, begin: float, end: float) -> Case | None:
    """The last event before `end`, if it is not before `begin` and others came earlier."""
    known = [(row, time) for row, time in zip(basket.rows, basket.times or (), strict=True) if time < end]
    if len(known) < 2 or known[-1][1] < begin:
        return None
    earlier = [row for row, time in known[:-1] if time <= known[-1][1]]
    return Case(tuple(earlier[-MOST_HISTORY:]), known[-1][0])


def _by_hash(baskets: Sequence[Basket], settings: LearnSettings) -> HeldOut:
    place = [stable_hash(basket.user, settings.seed) / 2**64 for basket in baskets]
    test, edge = settings.test_share, settings.test_share + settings.dev_share
    groups: dict[str, list[Basket]] = {"train": [], "dev": [], "test": []}
    for basket, at in zip(baskets, place, strict=True):
        groups["test" if at < test else "dev" if at < edge else "train"].append(basket)
    cases = {
        name: _some([_chosen(basket, settings.seed) for basket in groups[name] if len(basket.rows) > 1], settings)
        for name in ("dev", "test")
    }
    train = [basket.rows for basket in groups["train"]]
    how = "one item of each held-out basket, chosen by a seed since there are no times; such baskets are not learned"
    return HeldOut(Part(train, cases["dev"]), Part([*train, *(b.rows for b in groups["dev"])], cases["test"]), how)


def _chosen(basket: Basket, seed: int) -> Case:
    at = stable_hash(f"item of {basket.user}", seed) % len(basket.rows)
    others = basket.rows[:at] + basket.rows[at + 1 :]
    return Case(others[-MOST_HISTORY:], basket.rows[at])


def _some(cases: Sequence[Case], settings: LearnSettings) -> list[Case]:
    """At most `settings.cases` of them, chosen by the seed, in their order."""
    if len(cases) <= settings.cases:
        return list(cases)
    chosen = np.random.default_rng(settings.seed).choice(len(cases), settings.cases, replace=False)
    return [cases[at] for at in sorted(chosen.tolist())]
