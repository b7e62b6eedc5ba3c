"""Filters as expressions of Milvus: what can be in them, and what terms cannot say."""

import re

from semtune.index.filters import Comparison, Not
from semtune.index.milvus.filters import translate
from semtune.index.milvus.terms import MAX_TERMS, terms_of


def test_values_of_filters_are_hashes_numbers_or_escaped():
    attack = '") or (id != "'
    for where in (
        Comparison("f", "=", attack),
        Comparison(attack, "in", (attack, 1)),
        Comparison(attack, "exists", True),
    ):
        assert re.fullmatch(r'[a-z_(), ]*(array_contains\(terms, "[0-9a-f]{24}"\)[a-z ()]*)+', translate(where).sure)
    ordered = translate(Not(Comparison(attack, "<", attack))).sure
    strings = re.findall(r'"(?:[^"\\]|\\.)*"', ordered)
    assert "or (id" not in re.sub(r'"(?:[^"\\]|\\.)*"', "", ordered)
    assert '"\\") or (id != \\""' in strings


def test_terms_know_what_they_cannot_say():
    assert terms_of({"a": float("nan")}) is terms_of({"a": [2**63]}) is None
    assert terms_of({"list": list(range(MAX_TERMS + 1))}) is None
    deep: dict = {}
    for _ in range(40):
        deep = {"a": deep}
    assert terms_of(deep) is None
    assert terms_of({"a": 1, "b": None}) == terms_of({"a": 1.0}) != terms_of({"a": True})
