"""Filters in SQL let exactly those documents pass that `matches` does."""

import json
import sqlite3

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from semtune.index.filters import AllOf, AnyOf, Comparison, Not, matches
from semtune.index.local.filter_sql import translate

NAMES = st.sampled_from(["a", "b", "a.b", "a.b.c", "b.0", "", ".", "ä", 'q"', "s p", "$", "a\\", "[0]", "x'"])
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=4) | st.sampled_from(
    ["1", "de", "a\0b", "\n", "true"]
)
NUMBERS = st.integers(-3, 3) | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
NUMBERS |= st.sampled_from([0.1 + 0.2, 0.3, 1.0, 2.0**63, 2**63, 2**53 + 1, -0.0])
SCALARS = TEXT | NUMBERS | st.booleans() | st.none()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)
METADATA = st.dictionaries(NAMES, VALUES, max_size=4)
COMPARISONS = st.one_of(
    st.builds(Comparison, NAMES, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), SCALARS),
    st.builds(Comparison, NAMES, st.just("in"), st.lists(SCALARS, max_size=3).map(tuple)),
    st.builds(Comparison, NAMES, st.just("exists"), st.booleans()),
)
FILTERS = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        st.builds(AllOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=5,
)


def passing(where, every):
    """Numbers of the metadata that pass in SQLite."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE documents(row INTEGER PRIMARY KEY, metadata TEXT)")
    rows = [(i, json.dumps(one, ensure_ascii=False)) for i, one in enumerate(every)]
    connection.executemany("INSERT INTO documents VALUES(?,?)", rows)
    made = translate(where)
    made.install(connection)
    found = connection.execute(f"SELECT row FROM documents WHERE {made.condition} ORDER BY row", made.values)
    return [row for (row,) in found]


@pytest.mark.parametrize("examples", [100, pytest.param(600, marks=pytest.mark.slow)])
def test_sql_and_python_agree(examples):
    @settings(max_examples=examples, deadline=None)
    @given(FILTERS, st.lists(METADATA, min_size=1, max_size=8))
    @example(Comparison("a", "=", 0.1 + 0.2), [{"a": 0.1 + 0.2}, {"a": 0.3}])
    @example(Comparison("a", "=", 1), [{"a": True}, {"a": 1.0}, {"a": "1"}, {"a": [0, [1]]}])
    @example(Comparison("a.b", "=", 1), [{"a.b": None, "a": {"b": 1}}, {"a": {"b": 1}}, {"a": [{"b": 1}]}])
    def agree(where, every):
        assert passing(where, every) == [i for i, one in enumerate(every) if matches(where, one)]

    agree()


@pytest.mark.parametrize("value", ["'; DROP TABLE documents; --", "' OR 1=1 --", '"', "\\", "a' UNION SELECT 1"])
def test_nothing_in_a_filter_is_read_as_sql(value):
    every = [{"a": "x"}, {value: "y", "a": value}]
    assert passing(Comparison("a", "=", value), every) == [1]
    assert passing(Comparison(value, "=", "y"), every) == [1]
    assert passing(Comparison(value, "exists", True), every) == [1]
