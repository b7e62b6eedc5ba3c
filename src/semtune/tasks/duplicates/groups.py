"""Groups of rows: one that is kept, and those that say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from semtune.bulk.rows import TextRow
from semtune.report.render import snippet
from semtune.tasks.duplicates.best_pairs import NOBODY, Closest, Pairs
from semtune.tasks.duplicates.distinct import Distinct, numbers_of

Why = Literal["equal", "similar"]
Side: TypeAlias = tuple[TextRow, str]  # of a pair: a row, and the id of its text
SHOWN = 500  # characters of a text in lists of pairs and groups
DIGITS = 4


@dataclass(frozen=True, slots=True)
class Member:
    """A row that is removed.

    Attributes:
        row: it.
        text_id: of its text.
        similarity: to the row that is kept.
        why: "equal" but for case and white space, or "similar".
    """

    row: TextRow
    text_id: str
    similarity: float
    why: Why

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {**shown(self.row, self.text_id), "similarity": self.similarity, "why": self.why}


@dataclass(frozen=True, slots=True)
class Group:
    """A row that is kept, and those that are removed for it.

    Attributes:
        kept: the row; with `--against` a row of the other file.
        text_id: of its text.
        members: the rows that are removed, the most similar first.
    """

    kept: TextRow
    text_id: str
    members: list[Member] = field(default_factory=list)

    @property
    def lowest(self) -> float:
        """The lowest similarity of a member."""
        return min(member.similarity for member in self.members)

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "kept": shown(self.kept, self.text_id),
            "members": [member.as_dict() for member in self.members],
            "lowest": self.lowest,
        }


def shown(row: TextRow, text_id: str) -> dict[str, Any]:
    """A row as JSON values, with the beginning of its text."""
    known = {} if row.id is None else {"id": row.id}
    return {"line": row.line, **known, "text_id": text_id, "text": snippet(row.text, SHOWN)}


def groups_within(
    rows: Sequence[TextRow], distinct: Distinct, closest: Closest, all_equal_kept: frozenset[str] = frozenset()
) -> list[Group]:
    """The groups of a file, in its order.

    Args:
        rows: of the file.
        distinct: its texts.
        closest: for each distinct text the one that is kept in its place, if there is one.
        all_equal_kept: texts whose equal rows are not duplicates.
    """
    found: dict[int, Group] = {}
    for at, name in enumerate(distinct.ids):
        lead = int(closest.other[at])
        if lead == NOBODY:
            group = found.setdefault(at, Group(rows[distinct.rows[at][0]], name))
            repeats = () if name in all_equal_kept else distinct.rows[at][1:]
            group.members.extend(Member(rows[place], name, 1.0, "equal") for place in repeats)
        else:
            group = found.setdefault(lead, Group(rows[distinct.rows[lead][0]], distinct.ids[lead]))
            score = round(float(closest.similarity[at]), DIGITS)
            group.members.extend(Member(rows[place], name, score, "similar") for place in distinct.rows[at])
    return _in_order(found.values())


def groups_against(
    rows: Sequence[TextRow], distinct: Distinct, others: Sequence[TextRow], known: Distinct, closest: Closest
) -> list[Group]:
    """The rows of a file that another file holds already, in the other file's order.

    Args:
        rows, distinct: of the file.
        others, known: of the other file.
        closest: for each distinct text of the file the one of the other file, if there is one.
    """
    found: dict[int, Group] = {}
    for at, name in enumerate(distinct.ids):
        other = int(closest.other[at])
        if other == NOBODY:
            continue
        why: Why = "equal" if known.ids[other] == name else "similar"
        group = found.setdefault(other, Group(others[known.rows[other][0]], known.ids[other]))
        score = 1.0 if why == "equal" else round(float(closest.similarity[at]), DIGITS)
        group.members.extend(Member(rows[place], name, score, why) for place in distinct.rows[at])
    return _in_order(found.values())


def _in_order(groups: Any) -> list[Group]:
    whole = [group for group in groups if group.members]
    for group in whole:
        group.members.sort(key=lambda member: (-member.similarity, member.row.row))
    return sorted(whole, key=lambda group: group.kept.row)


def listed(
    first: tuple[Sequence[TextRow], Distinct], second: tuple[Sequence[TextRow], Distinct], pairs: Pairs, most: int
) -> list[dict[str, Any]]:
    """At most `most` pairs as JSON values, the most similar first: equal rows, then similar texts by their first rows.

    Args:
        first, second: rows and distinct texts of each side; the same object twice within one file.
        pairs: of distinct texts, the most similar first.
        most: of both kinds together.
    """
    (rows, distinct), (others, known) = first, second
    equal = _equal_within(rows, distinct) if first is second else _equal_across(rows, distinct, others, known)
    made = [_pair(one, two, 1.0, "equal", False) for one, two in equal[:most]]
    pairs = pairs.at(np.arange(min(len(pairs), most - len(made))))
    differ = _numbers_differ(pairs, distinct.texts, known.texts)
    for one, two, score, other in zip(pairs.first, pairs.second, pairs.scores, differ, strict=True):
        sides = [(rows[distinct.rows[one][0]], distinct.ids[one]), (others[known.rows[two][0]], known.ids[two])]
        if first is second:
            sides.sort(key=lambda side: side[0].row)
        made.append(_pair(sides[0], sides[1], round(float(score), DIGITS), "similar", bool(other)))
    return made


def _pair(one: Side, two: Side, score: float, why: Why, numbers_differ: bool) -> dict[str, Any]:
    return {"first": shown(*one), "second": shown(*two), "similarity": score, "why": why,
            "numbers_differ": numbers_differ}  # fmt: skip


def _equal_within(rows: Sequence[TextRow], distinct: Distinct) -> list[tuple[Side, Side]]:
    found = [
        ((rows[same[0]], name), (rows[place], name))
        for same, name in zip(distinct.rows, distinct.ids, strict=True)
        for place in same[1:]
    ]
    return sorted(found, key=lambda pair: (pair[0][0].row, pair[1][0].row))


def _equal_across(
    rows: Sequence[TextRow], distinct: Distinct, others: Sequence[TextRow], known: Distinct
) -> list[tuple[Side, Side]]:
    places = {name: same[0] for name, same in zip(known.ids, known.rows, strict=True)}
    return [
        ((rows[place], name), (others[places[name]], name))
        for same, name in zip(distinct.rows, distinct.ids, strict=True)
        if name in places
        for place in same
    ]


def _numbers_differ(pairs: Pairs, texts: list[str], others: list[str]) -> NDArray[np.bool_]:
    values = numbers_of([*(texts[at] for at in pairs.first), *(others[at] for at in pairs.second)])
    return values[: len(pairs)] != values[len(pairs) :]
