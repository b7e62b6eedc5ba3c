"""Halving, the Pareto front, limits and the recommendation, on results made up by hand."""

import numpy as np
import pytest

from select_parts import Means, quality, row
from semtune.errors import ConfigError
from semtune.metrics import compare_means
from semtune.select.candidate_result import Trial
from semtune.select.halving import halve
from semtune.select.recommendation import broken_limits, pareto_front, recommend
from semtune.select.settings import SelectSettings, ServingLimits

GAIN = Means().gain


def test_the_front_is_that_of_brute_force():
    rng = np.random.default_rng(0)
    for _ in range(50):
        points = [tuple(pair) for pair in rng.integers(0, 6, (12, 2)).tolist()]  # few values: many ties
        better = np.array([[(q > u and t <= v) or (q >= u and t < v) for q, t in points] for u, v in points])
        assert pareto_front(points) == np.flatnonzero(~better.any(axis=1)).tolist()
    assert pareto_front([]) == []
    equal_speed = [(0.9, 10.0), (0.5, 9.0), (0.9, 7.0), (0.4, 5.0)]  # 9 ms are not faster than 10, and 7 are
    assert (pareto_front(equal_speed), pareto_front(equal_speed, 1.2)) == ([2, 3], [2, 3])
    assert (pareto_front(equal_speed[:2]), pareto_front(equal_speed[:2], 1.2)) == ([0, 1], [0])


def run_trials(shown):
    """Name and steps → what is written down for them; and the list of what was tried."""
    tried = []

    def attempt(name, steps):
        tried.append((name, steps))
        return shown[name][steps]

    return attempt, tried


def test_halving_drops_the_weak_doubles_the_steps_and_stops_at_one():
    shown = {
        "slow start": {4: quality(0.6), 8: quality(0.9)},
        "ahead": {4: quality(0.8), 8: quality(0.7)},
        "weak": {4: quality(0.3)},
        "weaker": {4: quality(0.2)},
    }
    attempt, tried = run_trials(shown)
    first, second = halve(list(shown), attempt, GAIN, 4, 5)
    assert (first.steps, first.kept) == (4, ("ahead", "slow start"))
    assert [(drop.name, round(drop.below, 6)) for drop in first.dropped] == [("weak", 0.5), ("weaker", 0.6)]
    assert (second.steps, second.kept, second.dropped[0].name) == (8, ("slow start",), "ahead")
    assert tried == [(name, 4) for name in shown] + [("ahead", 8), ("slow start", 8)]


def test_who_cannot_be_told_from_the_best_is_spared_until_the_rounds_are_over():
    rng = np.random.default_rng(1)
    noisy = {"a": quality(0.50), "b": quality(0.49), "c": quality(0.2)}
    for name in ("a", "b"):
        noisy[name] = type(noisy[name])(noisy[name].value, 0, 1, noisy[name].value + rng.normal(0, 0.4, 100))
    made = halve(list(noisy), lambda name, _steps: noisy[name], GAIN, 1, 2)
    assert [(one.steps, one.kept, one.spared) for one in made] == [(1, ("a", "b"), ()), (2, ("a", "b"), ("b",))]
    found = compare_means(noisy["a"].each, noisy["b"].each, 0, 500)
    assert found.low <= 0 < found.high


def test_a_failed_trial_takes_its_candidate_out():
    made = halve(["a", "b"], lambda name, _steps: "no memory" if name == "a" else quality(0.1), GAIN, 1, 3)
    assert [(one.kept, dict(one.failed)) for one in made] == [(("b",), {"a": "no memory"})]


def test_the_best_shown_counts_whether_tuned_or_not():
    mine = row("a", 0.5)
    mine.trials = [Trial(4, quality(0.7), 1.0), Trial(8, quality(0.6), 1.0)]
    assert (mine.best.value, mine.best_steps, mine.tuned.value) == (0.7, 4, 0.6)
    mine.trials = [Trial(4, quality(float("nan")), 1.0)]
    assert (mine.best.value, mine.best_steps) == (0.5, 0)


@pytest.mark.parametrize(
    ("rows", "taken"),
    [
        ([row("big", 0.80, p50=50), row("small", 0.70, p50=5)], "big"),  # told from each other
        ([row("big", 0.800, p50=50, spread=0.3), row("small", 0.795, p50=5)], "small"),  # within chance, and close
        ([row("big", 0.800, p50=50, spread=0.3), row("small", 0.780, p50=5)], "big"),  # within chance, not close
        ([row("big", 0.800, p50=50), row("small", 0.795, p50=5)], "big"),  # close, and told from each other
        ([row("big", 0.800, p50=5.5, spread=0.3), row("small", 0.795, p50=5)], "big"),  # hardly faster
        ([], ""),
    ],
)
def test_the_recommended_one_is_the_best_or_the_fastest_that_is_as_good(rows, taken):
    assert recommend({one.candidate.name: one for one in rows}, GAIN).name == taken


def test_limits_are_told_in_words():
    mine = row("a", 0.5, p50=10, p95=30.5, memory=None, dim=768)  # no memory known: the weights' 4 MB count
    assert broken_limits(ServingLimits(30, 512, 3, 3000), mine) == [
        "its p95 latency of one query is 30.5 ms, the limit is 30",
        "its vectors have 768 dimensions, the limit is 512",
        "it takes 4 MB of memory, the limit is 3",
        "a million of its vectors take 3,072 MB, the limit is 3000",
    ]
    assert broken_limits(ServingLimits(31, 768, 4, 3072), mine) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_dim": 0},
        {"max_latency_ms": float("nan")},
        {"steps": -1},
        {"rounds": 0},
        {"dims": (0,)},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ConfigError, match=rf"{next(iter(wrong))}.*: input should be .*found"):
        SelectSettings(**wrong)
