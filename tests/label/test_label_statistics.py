"""Grades of several people, agreement, and the number of questions needed, by hand and against scikit-learn."""

import math

import numpy as np
import pytest

from semtune.label.agreement import agreement, merged_grades
from semtune.label.grades import Judgement
from semtune.label.power import _chi_squared, questions_needed
from semtune.metrics.agreement import weighted_kappa


def given(judge, grades, question="q"):
    return [Judgement(question, f"d{n}", grade, judge, "") for n, grade in enumerate(grades) if grade is not None]


def test_several_grades_of_an_answer_become_the_median_rounded_down():
    people = [*given("A", [0, 3, 2, 1, 3]), *given("B", [1, 2, 2, None, 0]), *given("C", [None, None, 3, None, 0])]
    assert [merged_grades(people)["q", f"d{n}"] for n in range(5)] == [0, 2, 2, 1, 0]


@pytest.mark.parametrize("seed", range(20))
def test_kappa_is_scikit_learns(seed):
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(seed)
    a = rng.integers(0, 4, 30)
    b = np.clip(a + rng.integers(-1, 2, 30), 0, 3)
    want = cohen_kappa_score(a, b, labels=range(4), weights="quadratic")
    assert weighted_kappa(a.tolist(), b.tolist(), 4) == pytest.approx(want, abs=1e-12)


def test_kappa_by_hand():
    assert weighted_kappa([0, 1, 2, 3], [0, 1, 2, 3], 4) == 1
    # Weights of what was seen: 0 + 9 = 9. By chance every cell has 2 · 2 / 4 = 1 ... (0,0) (0,3) (3,0) (3,3): 18 / 2.
    assert weighted_kappa([0, 3, 0, 3], [0, 3, 3, 0], 4) == pytest.approx(1 - 18 / 18)
    assert math.isnan(weighted_kappa([], [], 4))
    assert math.isnan(weighted_kappa([2, 2], [2, 2], 4))


def test_agreement_counts_what_two_people_both_graded():
    found = agreement(
        [*given("Ann", [0, 3, 2, 1]), *given("ann ", [0, 3, 2, 3], "other"), *given("Bo", [0, 2, None, 3])]
    )
    [pair] = found.pairs
    assert (pair.judges, pair.answers, found.answers) == (("Ann", "Bo"), 3, 3)
    assert (pair.equal, pair.within_one) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert pair.kappa == pytest.approx(weighted_kappa([0, 3, 1], [0, 2, 3], 4))
    assert found.as_dict()["kappa"] == pytest.approx(pair.kappa)
    alone = agreement(given("Ann", [0, 1])).as_dict()
    assert (alone["answers"], alone["kappa"], alone["equal"], alone["pairs"]) == (0, None, None, [])


def test_agreement_of_three_people_is_weighted_by_answers():
    found = agreement([*given("A", [0, 1, 2]), *given("B", [0, 1, 3]), *given("C", [0, None, None])])
    assert [(pair.judges, pair.answers) for pair in found.pairs] == [(("A", "B"), 3), (("A", "C"), 1), (("B", "C"), 1)]
    assert found.as_dict()["equal"] == pytest.approx((3 * 2 / 3 + 1 + 1) / 5)


def test_the_number_of_questions_follows_from_the_spread():
    # Spread 0.1 exactly: the test at 0.01 with 80 % power sees (2.5758 + 0.8416) · 0.1 / √n; 0.05 needs 46.7 → 47.
    values = [0.1, -0.1] * 12 + [0.0]
    found = questions_needed(values, 25, 0.05)
    assert found.total == 47
    assert (found.more, found.judged, found.spread) == (22, 25, pytest.approx(0.1))
    assert found.low <= found.total <= found.high
    assert found.sentence == (
        f"25 judged questions with an answer; to find a difference of 0.05 in nDCG@10, about 47 are needed "
        f"(somewhere from {found.low} to {found.high}): 22 more."
    )
    enough = questions_needed(values * 3, 75, 0.05)
    assert (enough.more, enough.sentence[-15:]) == (0, "That is enough.")


def test_the_gain_itself_plays_no_part():
    values = [0.2, -0.1, 0.05, 0.3, -0.2, 0.0]
    moved = [value + 0.4 for value in values]
    assert questions_needed(values, 6, 0.05).total == questions_needed(moved, 6, 0.05).total


@pytest.mark.parametrize(
    ("differences", "judged", "more", "words"),
    [
        (None, 3, 17, "There is no base to compare with"),
        (None, 30, None, "There is no base to compare with"),
        ([0.1, 0.2], 2, 18, "can be estimated from 5 judged questions on"),
        ([0.0] * 8, 8, 12, "score alike on every question"),
        ([0.001, 0.0, 0.0, 0.001, 0.0], 5, 15, "about 20 are needed"),
    ],
)
def test_little_is_said_where_little_is_known(differences, judged, more, words):
    found = questions_needed(differences, judged, 0.05)
    assert found.more == more
    assert words in found.sentence


@pytest.mark.parametrize("share", [0.025, 0.975])
def test_quantiles_are_those_of_chi_squared(share):
    chi2 = pytest.importorskip("scipy.stats").chi2
    for freedom, error in ((4, 0.08), (9, 0.02), (19, 0.01), (99, 0.001)):
        assert _chi_squared(share, freedom) == pytest.approx(chi2.ppf(share, freedom), rel=error)
