"""Each finding on the log of a real training that has it, and none on those of healthy ones.

The logs are of all-MiniLM-L6-v2 on tldr pages (question → command) and on STS-B; "conflict" and "collapse" are of the
toy model. They are runs of Semtune itself, with the settings that the names say.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from semtune.train.monitor.diagnosis import diagnose, stalled

LOGS = Path(__file__).parent / "logs"
SEEN = {
    "healthy": set(),
    "no_gain_scored": set(),
    "thirty_epochs": set(),  # on 50 pairs at 2e-5: the metric holds, so it is no over-fitting
    "too_high": {"learning rate too high", "collapse"},
    "too_high_scored": {"learning rate too high", "collapse"},
    "too_low": {"learning rate too low"},
    "over_fitting": {"over-fitting"},
    "over_fitting_scored": {"over-fitting"},
    "conflict": {"loss and metric in conflict"},
    "collapse": {"collapse", "learning rate too high"},
}


def log(name):
    return [json.loads(line) for line in (LOGS / f"{name}.jsonl").read_text().splitlines()]


def diagnosed(rows, **others):
    metric = "spearman" if "dev_spearman" in rows[0] else "ndcg@10"
    return diagnose(rows, metric, rows[-1]["step"], **others)


@pytest.mark.parametrize("name", SEEN)
def test_a_training_is_told_by_what_it_has(name):
    assert {finding.kind for finding in diagnosed(log(name)) if finding.severity == "warning"} == SEEN[name]


def test_a_healthy_training_raises_no_alarm_on_its_way_nor_under_noise():
    rows = log("healthy")
    rng = np.random.default_rng(0)
    for _ in range(50):
        noisy = [dict(row) for row in rows]
        for row in noisy:
            if "dev_ndcg@10" in row:  # half an error: that of one value, the error is one of a difference
                row["dev_ndcg@10"] += rng.normal() * row["dev_error"] / 2
        for end in range(2, len(noisy) + 1):
            found = diagnose(noisy[:end], "ndcg@10", rows[-1]["step"])
            assert [finding.kind for finding in found if finding.severity == "warning"] == []


def made(metric, dev_loss=None, loss=None, error=0.01, **more):
    """A log with an evaluation every ten steps."""
    rows = []
    for n, value in enumerate(metric):
        if n:
            rows.append({"step": 10 * n, "loss": (loss or [1 / (k + 1) for k in range(len(metric))])[n]})
        row = {"step": 10 * n, "dev_ndcg@10": value, "dev_error": error if n else 0.0}
        if dev_loss:
            row["dev_loss"] = dev_loss[n]
        rows.append(row | {key: values[n] for key, values in more.items()})
    return rows


def kinds(rows, steps=None, **others):
    return [finding.kind for finding in diagnose(rows, "ndcg@10", steps or rows[-1]["step"], **others)]


def test_a_fall_within_the_error_is_no_fall():
    falling, rising = [0.5, 0.6, 0.6, 0.57, 0.57], [1.0, 0.5, 0.6, 0.8, 0.9]
    assert kinds(made(falling, rising, error=0.01)) == ["over-fitting"]
    assert kinds(made(falling, rising, error=0.05)) == []


def test_a_metric_that_rises_with_its_loss_is_a_conflict():
    rows = made([0.5, 0.55, 0.6, 0.65, 0.7], [0.9, 0.5, 0.6, 0.8, 0.9])
    found = diagnose(rows, "ndcg@10", 40)
    assert [f.kind for f in found] == ["loss and metric in conflict"]
    assert found[0].sentence.startswith("the dev loss rose from 0.500 to 0.900, yet dev ndcg@10 rose too")


def test_a_plateau_and_exhausted_data_are_notes():
    flat = made([0.5, *[0.7] * 11])
    assert kinds(flat) == ["plateau"]
    assert kinds(flat[:7], steps=110) == []  # too soon to say
    known = made([0.5, *[0.7] * 11], loss=[2.0, 1.0, 0.5, *[0.001] * 9])
    assert kinds(known) == ["data exhausted"]
    assert {finding.severity for finding in diagnose(flat + known, "ndcg@10", 110)} == {"note"}


def test_forgetting_is_seen_on_the_floor_set():
    rows = made([0.5, 0.6, 0.7], dev_floor=[0.80, 0.80, 0.78])
    assert kinds(rows, max_drop=0.01) == ["forgetting"]
    assert kinds(rows, max_drop=0.03) == kinds(rows) == []


def test_without_a_dev_part_the_loss_alone_speaks():
    rows = [{"step": n, "loss": 2.0 if n < 4 else 0.0001} for n in range(1, 20)]
    assert [finding.kind for finding in diagnose(rows, "", 19)] == ["data exhausted"]
    assert diagnose([], "", 0) == []


@pytest.mark.parametrize(
    ("metric", "patience", "stops"),
    [
        ([0.5, 0.4, 0.4], 2, True),  # the base is the best so far
        ([0.5, 0.6, 0.6, 0.6], 2, True),  # as good is no gain
        ([0.5, 0.6, 0.5, 0.61], 2, False),
        ([0.5, 0.6, 0.5], 2, False),
        ([0.5], 1, False),
        ([0.5, float("nan"), float("nan")], 2, True),
    ],
)
def test_it_stops_after_so_many_measurements_without_a_gain(metric, patience, stops):
    rows = made(metric)
    assert stalled(rows, "ndcg@10", patience) == stops
    assert ("stopped early" in kinds(rows, steps=1000, patience=patience)) == stops


def test_a_log_without_probes_can_be_read():
    rows = [
        {key: row[key] for key in row if key not in {"dev_alike", "dev_spread", "dev_moved"}} for row in log("too_high")
    ]
    assert [finding.kind for finding in diagnosed(rows)] == ["learning rate too high"]
