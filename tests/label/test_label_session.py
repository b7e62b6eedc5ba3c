"""Pools, their order, what comes next, and what is exported, worked out by hand."""

import json
import math
from dataclasses import replace

import pytest

from semtune import dataset as datasets
from semtune.errors import InputError
from semtune.label.pool import Pooled, disagreement, in_order
from semtune.label.questions import Question
from semtune.types import Document

ZIP, TABLE, JSON = "how to read a zip file", "write a table", "parse json"


def ids(session):
    return {one.question.text: one.question.id for one in session.pooled()}


def grade(session, judge, text, **grades):
    return session.grade(judge, ids(session)[text], grades)


def test_disagreement_bounds_the_difference_of_ndcg():
    assert disagreement({"a": ["x", "y"], "b": ["x", "y"]}, 10) == 0
    assert disagreement({"a": ["x", "y"], "b": ["z", "v"]}, 10) == 1
    second = 1 / math.log2(3)
    swapped = 2 * (1 - second) / (2 * (1 + second))
    assert disagreement({"a": ["x", "y"], "b": ["y", "x"]}, 10) == pytest.approx(swapped)
    # Of three systems: the mean of 0 (a, b), 1 (a, c) and 1 (b, c).
    assert disagreement({"a": ["x"], "b": ["x"], "c": ["z"]}, 10) == pytest.approx(2 / 3)
    assert disagreement({"a": ["x", "y"], "b": ["x", "z"]}, 1) == 0
    assert disagreement({"a": ["x"], "b": []}, 10) == 1
    assert disagreement({"a": [], "b": []}, 10) == disagreement({"a": ["x"]}, 10) == 0


def test_the_most_informative_questions_come_first(session):
    # JSON: no answer in common; TABLE: swapped; ZIP: the same.
    assert [one.question.text for one in session().pooled()] == [JSON, TABLE, ZIP]
    assert [one.question.text for one in session(order="file").pooled()] == [ZIP, TABLE, JSON]
    drawn = [one.question.text for one in session(order="random").pooled()]
    assert sorted(drawn) == sorted([ZIP, TABLE, JSON])
    assert drawn == [one.question.text for one in session(order="random").pooled()]


def test_disliked_questions_come_before_all_others_and_often_asked_ones_before_rare_ones():
    same, apart = {"a": ["x"], "b": ["x"]}, {"a": ["x"], "b": ["y"]}
    rows = [("rare", same, 1, 0), ("apart", apart, 1, 0), ("often", same, 9, 0), ("bad", same, 1, 2)]
    pooled = [Pooled(Question(name, name, asked, bad), ranked, ("x",)) for name, ranked, asked, bad in rows]
    found = in_order(pooled, "informative", 10, 0)
    assert [one.question.text for one in found] == ["bad", "apart", "often", "rare"]


def test_a_pool_has_each_answer_once_and_only_the_first_of_each_system(session):
    assert {one.question.text: set(one.documents) for one in session().pooled()} == {
        ZIP: {"zip", "csv"}, TABLE: {"csv", "long"}, JSON: {"json", "html", "long", "zip"},
    }  # fmt: skip
    shallow = {one.question.text: one.documents for one in session(depth=1).pooled()}
    assert shallow == {ZIP: ("zip",), TABLE: ("csv", "long"), JSON: ("json", "long")}


def test_the_order_of_answers_depends_on_the_person_and_not_on_the_systems(session):
    def order(made, judge):
        return [document.id for document in made.show(ids(made)[JSON], judge).documents]

    swapped = {"tuned": session().systems["base"], "base": session().systems["tuned"]}
    assert order(session(), "Ann") == order(session(systems=swapped), "ann ") == order(session(), "Ann")
    orders = {tuple(order(session(), f"judge {n}")) for n in range(20)}
    assert len(orders) > 10
    firsts = {one[0] for one in orders}
    assert firsts == {"json", "html", "long", "zip"}
    assert order(session(), "Ann") != order(session(seed=1), "Ann") or order(session(seed=2), "Ann")


def test_a_person_goes_on_where_they_stopped(session):
    made = session()
    assert made.next_for("Ann") == ids(made)[JSON]
    grade(made, "Ann", JSON, json=3, html=0, long=0)
    again = session()
    assert again.next_for("Ann") == ids(again)[JSON]  # one answer is left
    assert again.show(ids(again)[JSON], "Ann").grades == {"json": 3, "html": 0, "long": 0}
    grade(again, "Ann", JSON, zip=1)
    assert session().next_for("Ann") == ids(made)[TABLE]
    assert session().next_for("Bo") == ids(made)[JSON]  # the first of five is judged by everybody


def test_people_share_the_work_and_every_fifth_question_is_judged_by_all(session):
    made = session(*(f"question {n}" for n in range(7)), order="file")
    names = [one.question.id for one in made.pooled()]
    for name in names[:3]:
        made.grade("Ann", name, {"zip": 1, "csv": 0, "json": 0})
    seen = []
    while (name := made.next_for("Bo")) is not None:
        seen.append(names.index(name))
        made.grade("Bo", name, {"zip": 1, "csv": 0, "json": 0})
    assert seen == [0, 3, 4, 5, 6, 1, 2]


def test_undo_gives_the_question_back(session):
    made = session()
    grade(made, "Ann", JSON, json=1)
    grade(made, "Ann", JSON, json=3)
    act, name = made.undo("Ann")
    assert (act.grades, name) == ({"json": 3}, ids(made)[JSON])
    assert made.show(name, "Ann").grades == {"json": 1}
    made.undo("Ann")
    assert made.show(name, "Ann").grades == {}
    assert made.undo("Ann") is None


def test_a_typed_question_is_pooled_kept_and_can_be_undone(session):
    made = session()
    asked = made.ask("Ann", "  what is a\nmirror? ")
    assert (asked.question.text, asked.documents) == ("what is a mirror?", ("zip", "csv", "json"))
    assert made.ask("Bo", "What is a mirror?") is not None
    assert len(made.pooled()) == 4
    assert "what is a mirror?" in ids(session())
    made.undo("Ann")
    assert len(made.pooled()) == len(session().pooled()) == 3
    for text, words in (("?!", "empty question"), ("x" * 2001, "longer than 2,000")):
        with pytest.raises(InputError, match=words):
            made.ask("Ann", text)


@pytest.mark.parametrize(
    ("judge", "grades", "words"),
    [
        ("Ann", {"json": 4}, "The grade is 4. Allowed: 0 to 3"),
        ("Ann", {"json": -1}, "Allowed: 0 to 3"),
        ("Ann", {"bare": 1}, "'bare' is not among the answers"),
        ("Ann", {}, "No grade was given"),
        ("  ", {"json": 1}, "The name of the person who judges is missing"),
    ],
)
def test_a_wrong_grade_is_refused_and_nothing_is_stored(session, tmp_path, judge, grades, words):
    made = session()
    with pytest.raises(InputError, match=words):
        made.grade(judge, ids(made)[JSON], grades)
    with pytest.raises(InputError, match="There is no question 'nowhere'"):
        made.grade("Ann", "nowhere", {"json": 1})
    assert not (tmp_path / "labels").exists()


def judged(made):
    """Two people's grades: of JSON all answers, of TABLE one of two, of ZIP zeros alone."""
    grade(made, "Ann", JSON, json=3, html=0, long=1, zip=0)
    grade(made, "Bo", JSON, json=2, html=0, long=3, zip=0)
    grade(made, "Ann", TABLE, csv=2)
    grade(made, "Ann", ZIP, zip=0, csv=0)


def test_what_is_judged_is_told_in_numbers(session):
    made = session(ZIP, TABLE, JSON, "unjudged")
    judged(made)
    facts = made.facts().as_dict()
    names = ids(made)
    assert made.facts().qrels == {
        names[JSON]: {"json": 2, "html": 0, "long": 2, "zip": 0}, names[TABLE]: {"csv": 2},
        names[ZIP]: {"zip": 0, "csv": 0},
    }  # fmt: skip
    wanted = {
        "questions": 4, "queries": 3, "queries_without_answer": 1, "judged": 7, "unjudged": 1, "unfinished_queries": 1,
        "grades": {"0": 4, "1": 0, "2": 3, "3": 0}, "judges": {"Ann": 7, "Bo": 4}, "more_queries_needed": 18,
        "systems": ["tuned", "base"], "left_out": {}, "merged": 0,
    }  # fmt: skip
    assert {name: facts[name] for name in wanted} == wanted
    assert facts["agreement"]["answers"] == 4
    assert (facts["agreement"]["equal"], facts["agreement"]["within_one"]) == (0.5, 0.75)
    assert facts["needed"]["sentence"].startswith("2 judged questions with an answer; a verdict needs at least 20")
    assert facts["warnings"] == [
        "1 pooled answer of 1 judged question without a grade. `semtune evaluate` counts what has no grade as not "
        "relevant: finish these questions first.",
        "3 of 4 questions are judged, the ones on which the systems differ most: a gain measured on them is larger "
        "than on all. Judge all of them, or use --order random, for its size.",
    ]


def test_the_differences_are_those_of_ndcg_at_ten(session):
    from semtune.label.export import _differences

    made = session()
    judged(made)
    names, qrels = ids(made), made.facts().qrels
    answered = [one for one in made.pooled() if one.question.text in (JSON, TABLE)]
    # JSON: tuned finds json (2) first, base finds long (2) first: equal. TABLE: csv is first for tuned, second for base.
    assert _differences(answered, qrels, ["tuned", "base"]) == pytest.approx([0.0, 1 - 1 / math.log2(3)])
    assert [one.question.id for one in answered] == [names[JSON], names[TABLE]]
    assert _differences(answered, qrels, ["tuned", "bm25"]) is None


def test_the_export_is_a_whole_data_set(session, tmp_path):
    made = session()
    judged(made)
    facts = made.export(tmp_path / "set")
    found = datasets.load(tmp_path / "set")
    assert [(d.id, d.text, d.title) for d in found.corpus] == [(d.id, d.text, d.title) for d in made.documents]
    assert found.qrels == {"test": facts.qrels}
    assert {query.text for query in found.queries.values()} == {JSON, TABLE, ZIP}
    report = json.loads((tmp_path / "set" / "prepare.json").read_text())
    assert (report["kind"], report["model"], report["judged"]) == ("labels", "toy", 7)
    made.export(tmp_path / "set")  # an export may be replaced


def test_nothing_judged_is_refused_and_nothing_is_written(session, tmp_path):
    made = session()
    with pytest.raises(InputError, match="Nothing is judged yet") as refused:
        made.export(tmp_path / "set")
    assert refused.value.exit_code == 2
    grade(made, "Ann", ZIP, zip=0)
    with pytest.raises(InputError, match="None of the 1 judged answers has a grade above 0"):
        made.export(tmp_path / "set")
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize("kind", ["file", "folder", "data set"])
def test_what_is_not_an_export_is_never_replaced(session, tmp_path, kind):
    made, place = session(), tmp_path / "mine"
    judged(made)
    if kind == "file":
        place.write_text("mine")
    else:
        place.mkdir()
        (place / ("prepare.json" if kind == "data set" else "notes.txt")).write_text('{"format": "1.0"}')
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(InputError, match=r"is not a data set of labels; nothing was overwritten.*--export"):
        made.export(place)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_grades_of_passages_that_changed_are_left_out_and_counted(session):
    judged(session())
    passages = [replace(one, text="Another text.") if one.id == "json" else one for one in session().documents]
    made = session(documents=[one for one in passages if one.id != "html"] + [Document("html2", "new")], systems={})
    assert made.facts().left_out == {
        "grade of a passage that has another text now": 2, "grade of a passage that is no longer in the index": 2,
    }  # fmt: skip
    assert sum(made.facts().judges.values()) == 11 - 4


def test_questions_of_an_earlier_file_are_still_exported(session):
    judged(session())
    made = session("a new question")
    assert {query.text for query in made.facts().queries.values()} == {JSON, TABLE, ZIP}
    assert made.facts().questions == 4


def test_questions_that_were_trained_on_are_left_out_and_counted(session):
    made = session(ZIP, TABLE, "Parse  JSON", trained=[JSON])
    assert (len(made.pooled()), made.facts().left_out) == (2, {"question that the model was trained on": 1})
    with pytest.raises(InputError, match="The model was trained on this question"):
        made.ask("Ann", "PARSE json")


def test_the_most_asked_questions_are_kept_and_judged_ones_always(session):
    judged(session())
    made = session("one", "two", "two", "three", most=4)
    assert {one.question.text for one in made.pooled()} == {JSON, TABLE, ZIP, "two"}
    assert made.facts().left_out == {"question beyond the limit (--most)": 2}
