"""Checks of filters: count and search give what `semtune.index.filters.matches` gives."""

from __future__ import annotations

from typing import Any

from semtune.index.filters import AllOf, AnyOf, Comparison, Filter, Not, matches
from semtune.testing.collection_contract.subject import Check, Subject, same, same_answers, whole_numbers
from semtune.types import Document

COUNT = 600
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 2.5, 1.0, 10, 1e300, -0.0, 2**62, "", "a", "b", "1", "true", "None", "é", "日本",
    "it's", 'say "x"', "back\\slash", "a\nb", "%", "' or 1 == 1", '") or (id != "', "z" * 300,
    [], [1], [1, 2.5], ["a", "b"], [None], [True], [[1, ["a"]]], ["1"], {},
    {"x": 1}, {"x": "a"}, {"x": {"y": [1, "b"]}},
)  # fmt: skip
FIELDS = ("f", "g.x", "g.x.y", "a.b", "日本", "it's", 'say "x"', "back\\slash", "", "f.x", "missing")
ASKED: tuple[Any, ...] = (
    None, True, False, 0, 1, 1.0, 2, 2.5, -1, 10, 1e300, 2**62, 2**70, float("inf"), "", "a", "b", "1", "é", "日本",
    "it's", 'say "x"', "back\\slash", "a\nb", "' or 1 == 1", '") or (id != "', "z" * 300,
)  # fmt: skip


def documents() -> list[Document]:
    """Documents with every value in every field, many of them missing, and a number to select by."""
    made = []
    for i in range(COUNT):
        value, other = VALUES[i % len(VALUES)], VALUES[(i * 7) % len(VALUES)]
        metadata: dict[str, Any] = {
            "number": i,
            "third": i % 3,
            "lang": ("de", "en", "fr")[i % 3],
            "tags": [i % 5, f"t{i % 4}"],
        }
        if i % 4:
            metadata |= {"f": value, "g": {"x": other} if i % 8 else other, "日本": value, "it's": other}
        if i % 5:
            metadata |= {'say "x"': value, "back\\slash": other, "": value, "a": {"b": value}}
        if i % 10 == 0:
            metadata |= {"a.b": other}
        made.append(Document(f"d{i}", f"text {i}", metadata=metadata))
    return made


def selectivities() -> list[Filter]:
    """Filters that one document in 600, one in a hundred, and so on up to all of them pass."""
    below = [Comparison("number", "<", n) for n in (0, 1, 6, 60, 200, 400, 599, 600)]
    return [*below, Comparison("third", "=", 1), Comparison("tags", "=", "t1"), Comparison("lang", "in", ("de", "fr"))]


def comparisons() -> list[Filter]:
    """Every operator with every kind of value, in two fields, and every field with a few."""
    made: list[Filter] = []
    for operator in ("=", "<"):
        made += [Comparison("f", operator, value) for value in ASKED]
        made += [Comparison(field, operator, value) for field in FIELDS for value in (1, "a")]
    for operator in ("!=", "<=", ">", ">="):
        made += [Comparison("g.x", operator, value) for value in ASKED[::2]]
    made += [Comparison(field, "in", ASKED[:4]) for field in FIELDS]
    made += [Comparison(field, "in", ()) for field in FIELDS[:2]]
    made += [Comparison(field, "exists", truth) for field in FIELDS for truth in (True, False)]
    return made


def combinations() -> list[Filter]:
    """And, or and not around comparisons of all kinds."""
    one, two, three = Comparison("lang", "=", "de"), Comparison("number", ">=", 300), Comparison("tags", "!=", 3)
    odd = Comparison("f", "<", 2)
    return [
        AllOf(()), AnyOf(()), Not(AllOf(())), AllOf((one, two)), AnyOf((one, two)), Not(AnyOf((one, two))),
        AllOf((one, Not(two), three)), AnyOf((AllOf((one, two)), Not(three))), Not(Not(one)), Not(odd),
        AllOf((Not(odd), one)), AnyOf((odd, Not(Comparison("g.x", ">", "a")))), Not(AllOf((odd, three))),
        Not(Comparison("missing", "=", 1)), Not(Comparison("missing", "exists", True)),
        AllOf((Comparison("g.x", "=", 1), Comparison("missing", "!=", "x"))),
        AllOf(tuple(Comparison("number", "!=", n) for n in range(60))),
    ]  # fmt: skip


def filtered_counts_are_right(subject: Subject) -> None:
    """For every operator and kind of value."""
    made = documents()[:205]
    with subject.filled(made, whole_numbers(len(made))) as (collection, _), collection.snapshot() as snapshot:
        for where in [*selectivities(), *comparisons(), *combinations()]:
            expected = sum(matches(where, document.metadata) for document in made)
            same(snapshot.count(where), expected, f"the count of {where}")


def filtered_searches_are_right(subject: Subject) -> None:
    """The best of those that pass, whether few or many do."""
    asked = whole_numbers(2, seed=5)
    filled = subject.filled(documents(), whole_numbers(COUNT))
    with filled as (collection, reference), collection.snapshot() as ours, reference.snapshot() as theirs:
        for where in [*selectivities(), *combinations(), *comparisons()[::7]]:
            for k in (1, 10, 700) if where in selectivities() else (9,):
                what = f"the {k} best of {where}"
                same_answers(ours.search(asked, k, where), theirs.search(asked, k, where), what)


def filters_follow_updates_and_deletes(subject: Subject) -> None:
    """New metadata counts, old metadata does not, also after compaction."""
    made, vectors = documents(), whole_numbers(COUNT)
    with subject.filled(made, vectors) as (collection, reference):
        moved = [Document(d.id, d.text, d.title, {**d.metadata, "lang": "it", "number": -1}) for d in made[::50]]
        for one in (collection, reference):
            one.upsert(moved, vectors[::50])
            one.delete([d.id for d in made[1::60]])
        asked = whole_numbers(2, seed=5)
        for _ in range(2):
            for where in (Comparison("lang", "=", "it"), Comparison("number", "<", 0), Comparison("lang", "!=", "it")):
                with collection.snapshot() as ours, reference.snapshot() as theirs:
                    same(ours.count(where), theirs.count(where), f"the count of {where}")
                    found = [{m.id for m in one} for one in ours.search(asked, COUNT, where)]
                    same(found, [{m.id for m in one} for one in theirs.search(asked, COUNT, where)], f"{where}")
            collection.compact()


CHECKS: tuple[Check, ...] = (filtered_counts_are_right, filtered_searches_are_right, filters_follow_updates_and_deletes)
