"""Holm's correction by hand, and a detectable difference that is detected as often as promised."""

import math

import numpy as np
import pytest

from semtune.metrics import compare_means
from semtune.metrics.significance import detectable, error_of_interval, holm, needed, standard_error


@pytest.mark.parametrize(
    ("given", "corrected"),
    [
        # Sorted 0.005, 0.01, 0.03, 0.04 by 4, 3, 2, 1: 0.02, 0.03, 0.06, 0.04, and none below the one before it.
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.6, 0.7], [1.0, 1.0]),
        ([0.02], [0.02]),
        ([], []),
    ],
)
def test_holm_s_correction(given, corrected):
    assert holm(given) == pytest.approx(corrected)


def test_what_was_not_compared_does_not_count_among_the_comparisons():
    assert holm([math.nan, 0.01, 0.04]) == pytest.approx([math.nan, 0.02, 0.04], nan_ok=True)


def test_a_detectable_difference_is_2_8_standard_errors_and_found_four_times_in_five():
    assert detectable(1.0) == pytest.approx(1.959964 + 0.841621, abs=1e-5)
    n, spread, tries = 40, 0.15, 400
    smallest = detectable(spread / math.sqrt(n))
    rng = np.random.default_rng(0)
    found = 0
    for seed in range(tries):
        difference = rng.normal(smallest, spread, n)
        found += compare_means(difference, np.zeros(n), seed, samples=500).p_value < 0.05
    assert found / tries == pytest.approx(0.8, abs=0.06)  # three standard errors of the share


def test_standard_errors():
    assert standard_error([1.0, 2.0, 3.0, 4.0]) == pytest.approx(math.sqrt(5 / 3) / 2)
    assert math.isnan(standard_error([1.0]))
    assert error_of_interval(-1.959964, 1.959964) == pytest.approx(1.0, abs=1e-6)


def test_half_the_difference_needs_four_times_the_queries():
    assert needed(40, 0.06, 0.03) == 160
