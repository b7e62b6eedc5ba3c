"""Filters of users: parsed into the tree, written back as text, refused in words with the place."""

import contextlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semtune.errors import InputError
from semtune.index.filters import AllOf, AnyOf, Comparison, Not, matches
from semtune.index.where import (
    MAX_LENGTH,
    MAX_VALUES,
    fields_of,
    parse_json,
    parse_text,
    parse_where,
    require_known,
    to_text,
    unknown_fields,
)


def c(field, operator, value):
    return Comparison(field, operator, value)


TEXTS = {
    "lang=de and year>=2020": AllOf((c("lang", "=", "de"), c("year", ">=", 2020))),
    "lang == 'de'": c("lang", "=", "de"),
    'title != "two words"': c("title", "!=", "two words"),
    "a<1 or b>2.5 and c<=-3e2": AnyOf((c("a", "<", 1), AllOf((c("b", ">", 2.5), c("c", "<=", -300.0))))),
    "not a=1 and b=2": AllOf((Not(c("a", "=", 1)), c("b", "=", 2))),
    "not (a=1 and b=2)": Not(AllOf((c("a", "=", 1), c("b", "=", 2)))),
    "(a=1 or b=2) and c=3": AllOf((AnyOf((c("a", "=", 1), c("b", "=", 2))), c("c", "=", 3))),
    "a=1 and b=2 and c=3": AllOf((c("a", "=", 1), c("b", "=", 2), c("c", "=", 3))),
    "lang in (de, 'e n', 3, null)": c("lang", "in", ("de", "e n", 3, None)),
    "lang not in (de)": Not(c("lang", "in", ("de",))),
    "author exists": c("author", "exists", True),
    "author not exists": c("author", "exists", False),
    "draft=true AND x=FALSE Or y!=null": AnyOf((AllOf((c("draft", "=", True), c("x", "=", False))), c("y", "!=", None))),
    "author.name = Zoë": c("author.name", "=", "Zoë"),
    '"in" = "true"': c("in", "=", "true"),
    "zip = 007": c("zip", "=", "007"),
    "date >= 2020-01-31": c("date", ">=", "2020-01-31"),
    "path = docs/a.md": c("path", "=", "docs/a.md"),
    r"say = 'it\'s \"so\"\n'": c("say", "=", 'it\'s "so"\n'),
    'say = "a or b = 1; drop table x --"': c("say", "=", "a or b = 1; drop table x --"),
    "((a=1))": c("a", "=", 1),
}  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_texts(text):
    assert parse_text(text) == TEXTS[text]


WRONG = {
    "a=1; drop table": r"character 4 \(a=1 → ; drop table\): ';' cannot stand in a filter\. Put values",
    "a=' or 1=1": "character 3 .*The quote ' is never closed",
    'lang="de': "character 6 .*The quote \" is never closed",
    "year =< 2020": "character 6 .*There is no operator '=<'; write '<='",
    "year <> 2020": "There is no operator '<>'; write '!='",
    "a=1 && b=2": "character 5 .*'&&' is written 'and'",
    "a=1 || b=2": "'||' is written 'or'".replace("|", r"\|"),
    "!a=1": "character 1 .*'!' is written 'not'",
    "a exsts": "found 'exsts'. Did you mean 'exists'",
    "a like x": "character 3 .*Expected an operator after 'a', found 'like'.*Allowed are =, !=, <",
    "title=two words": "character 11 .*Expected 'and', 'or' or the end, found 'words'. Put texts of several words",
    "(a=1": "Expected '\\)', found the end",
    "a=1)": "character 4 .*never opened",
    "a": "The field 'a' is compared with nothing",
    "a=": "Expected a value, found the end",
    "a=and b=1": "Expected|found",
    "=3": "Expected the name of a field, found '='",
    "and a=1": "Expected the name of a field, found 'and'",
    "a=1 and": "Expected the name of a field, found the end",
    "a in b": r"After 'in' comes a list in parentheses",
    "a in ()": r"Expected a value, found '\)'",
    "a in (1, )": r"Expected a value, found '\)'",
    "a not 3": "After 'a not' comes 'in",
    "a < true": "< compares numbers or texts",
    "a >= null": ">= compares numbers or texts",
    "a=1e999": "not a finite number",
    "a=9223372036854775808": r"too large\. Whole numbers must be between -2\^63",
    "": "The filter is empty",
    "  ": "The filter is empty",
    "(" * 31 + "a=1" + ")" * 31: "nested more than 30 deep",
    "not " * 3000 + "a=1": "nested more than 30 deep",
    "a=" + "x" * MAX_LENGTH: "characters; at most 20,000",
    "a in (" + ",".join(["1"] * (MAX_VALUES + 1)) + ")": "compares with 1,001 values",
    'a="\\ud800"': "half a character",
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_what_cannot_be_understood_is_refused_with_the_place(text):
    with pytest.raises(InputError, match=WRONG[text]):
        parse_text(text)


def test_an_unquoted_keyword_is_no_text():
    assert parse_text("a='and'") == c("a", "=", "and")


JSON = [
    ({"lang": "de", "year": {">=": 2020}}, "lang=de and year>=2020"),
    ({"year": {">=": 2020, "<": 2025}}, "year>=2020 and year<2025"),
    ({"and": [{"a": 1}, {"b": None}]}, "a=1 and b=null"),
    ({"or": [{"a": True}, {"not": {"b": 2}}]}, "a=true or not b=2"),
    ({"lang": {"in": ["de", "en"]}}, "lang in (de, en)"),
    ({"lang": {"exists": False}}, "lang not exists"),
    ({"lang": {"==": "de"}}, "lang=de"),
    ({"not": {"a": 1, "b": 2}}, "not (a=1 and b=2)"),
    ({"or": [{"a": 1}]}, "a=1"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "text"), JSON)
def test_json_means_the_same_as_text(values, text):
    assert parse_json(json.loads(json.dumps(values))) == parse_text(text)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"f": ["x"]}, r'where.f is a list. Write {"in"'),
        ({"f": {"=<": 2}}, "where.f: there is no operator '=<'. Allowed: =, !="),
        ({"and": []}, "where.and must be a list of filters"),
        ({"or": {"a": 1}}, "where.or must be a list"),
        ({"and": [{"a": 1}, 3]}, r"where.and\[1\] must be an object"),
        ({"f": {}}, "where.f is an empty object"),
        ({"not": {}}, "where.not is an empty object"),
        ({"f": {"exists": 3}}, "exists must be true or false"),
        ({"f": {"in": "de"}}, "in must be a list of values"),
        ({"f": float("nan")}, "not a finite number"),
        ({"f": {"<": None}}, "compares numbers or texts"),
        ({"f": 2**63}, "too large"),
        ({"f": "\ud800"}, "half a character"),
        ([1], "where must be an object"),
    ],
)
def test_json_that_cannot_be_understood_is_refused(values, words):
    with pytest.raises(InputError, match=words):
        parse_json(values)


def test_deep_json_is_refused_in_words():
    values = {"a": 1}
    for _ in range(40):
        values = {"not": values}
    with pytest.raises(InputError, match="nested more than 30 deep"):
        parse_json(values)


def test_any_form_is_taken():
    assert parse_where(None) is None
    assert parse_where({}) is None
    assert parse_where(' {"a": {"in": [1, 2]}}') == parse_text("a in (1, 2)")
    with pytest.raises(InputError, match="begins like JSON, but it is not valid JSON"):
        parse_where("{a=1}")
    assert parse_where("a=1") == parse_where({"a": 1}) == parse_where(c("a", "=", 1)) == c("a", "=", 1)


scalars = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=8),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
)
ordered = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=8), st.integers(-9, 9), st.floats(-9, 9)
)
fields = st.text(st.characters(exclude_categories=("Cs",)), max_size=6) | st.sampled_from(["in", "a.b", "year", "NOT"])
leaves = st.one_of(
    st.builds(Comparison, fields, st.sampled_from(["=", "!="]), scalars),
    st.builds(Comparison, fields, st.sampled_from(["<", "<=", ">", ">="]), ordered),
    st.builds(Comparison, fields, st.just("in"), st.lists(scalars, min_size=1, max_size=3).map(tuple)),
    st.builds(Comparison, fields, st.just("exists"), st.booleans()),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(AllOf, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=8,
)


def exact(where):
    """The tree with the types of its values: 1, 1.0 and True are equal, but not the same."""
    return repr(where)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trees)
def test_a_tree_written_as_text_is_read_back(tree):
    assert exact(parse_text(to_text(tree))) == exact(tree)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=40))
def test_any_text_is_parsed_or_refused_in_words(text):
    with contextlib.suppress(InputError):
        parse_text(text)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trees, st.dictionaries(st.sampled_from(["in", "year", "a.b", "x"]), scalars | st.lists(scalars, max_size=2)))
def test_a_filter_read_back_passes_the_same_documents(tree, metadata):
    assert matches(parse_text(to_text(tree)), metadata) == matches(tree, metadata)


def test_fields_that_no_document_has():
    where = parse_text("langauge=de and (author.name exists or year>3) and nothing=1")
    assert fields_of(where) == ["langauge", "author.name", "year", "nothing"]
    known = ["language", "author", "year"]
    assert unknown_fields(where, known) == {"langauge": " Did you mean 'language'?", "nothing": ""}
    with pytest.raises(
        InputError, match=r"the field 'langauge', which no document has\. Did you mean 'language'. Fields"
    ):
        require_known(where, known)
    with pytest.raises(InputError, match="The documents have no metadata"):
        require_known(where, [])
    require_known(parse_text("author=1 and author.name=2"), ["author.name"])
