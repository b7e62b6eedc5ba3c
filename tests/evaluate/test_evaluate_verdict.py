"""Ship a planted gain, never a ghost; and say in words when nothing can be said."""

import json
import math

import numpy as np
import pytest

from scores_by_hand import retrieval, similarity
from semtune.evaluate.verdict.outcome import conclude, write_trec_run
from semtune.evaluate.verdict.rule import judge

QUERIES = 60


@pytest.fixture
def base():
    return np.random.default_rng(0).random(QUERIES) * 0.7


def test_a_real_gain_ships_with_its_numbers_in_the_sentence(base):
    verdict = judge(retrieval(base + 0.05 + 0.02 * np.sin(np.arange(QUERIES))), retrieval(base, "base"))
    low, high = verdict.interval
    assert (verdict.verdict, verdict.exit_code, verdict.metric, verdict.n) == ("ship", 0, "ndcg@10", QUERIES)
    assert 0 < low < verdict.gain < high
    assert verdict.gain == pytest.approx(0.05, abs=0.002)
    assert verdict.sentence == (
        f"ship: nDCG@10 is better by {verdict.gain:+.3f} [{low:.3f}, {high:.3f}] (p = 0.0001, 60 queries)"
    )


def test_a_loss_does_not_ship_and_is_called_worse(base):
    verdict = judge(retrieval(base), retrieval(base + 0.1))
    assert (verdict.verdict, verdict.exit_code) == ("do-not-ship", 1)
    assert verdict.sentence == "do not ship: nDCG@10 is worse by -0.100 [-0.100, -0.100] (p = 0.0001, 60 queries)"


def test_no_difference_cannot_be_judged(base):
    verdict = judge(retrieval(base), retrieval(base))
    assert (verdict.verdict, verdict.exit_code) == ("cannot-judge", 2)
    assert verdict.sentence == "cannot judge: nDCG@10 is equal for both on all 60 queries"


def test_noise_seldom_ships(base):
    rng = np.random.default_rng(1)
    noisy = [[np.clip(base + rng.normal(0, 0.2, QUERIES), 0, 1) for _ in "ab"] for _ in range(40)]
    shipped = sum(judge(retrieval(a), retrieval(b), seed).verdict == "ship" for seed, (a, b) in enumerate(noisy))
    assert shipped <= 3


def test_a_bound_that_decides_is_never_shown_as_zero(base):
    verdict = judge(retrieval(base + 0.0004), retrieval(base))
    assert "+0.0004 [0.0004, 0.0004]" in verdict.sentence


@pytest.mark.parametrize(
    ("tuned", "other", "says"),
    [
        (retrieval([0.5] * 12), retrieval([0.4] * 12), "12 queries are too few; at least 20"),
        (retrieval([0.5] * 30), retrieval([0.4] * 31), "different data"),
        (retrieval([0.5] * 30), retrieval([0.4] * 30, counts={"documents": 6}), "different data"),
        (retrieval([0.5] * 30), similarity([0.1, 0.2], [0, 1]), "on retrieval"),
        (retrieval([math.nan] * 30, not_finite=3), retrieval([0.4] * 30), "NaN for 3 texts"),
        (retrieval([0.5] * 30), retrieval([math.nan] * 30, "base"), "nDCG@10 of base is not a number"),
        (retrieval([0.5] * 30, run={"q0": {"a": 0.7, "b": 0.7}}), retrieval([0.4] * 30), "collapsed"),
        (similarity([0.3] * 30, np.arange(30)), similarity(np.arange(30), np.arange(30)), "collapsed"),
        (similarity(np.arange(30), [1.0] * 30), similarity(np.arange(30), [1.0] * 30), "same gold score"),
    ],
)
def test_what_cannot_be_judged_is_said_in_words(tuned, other, says):
    verdict = judge(tuned, other)
    assert (verdict.verdict, verdict.exit_code) == ("cannot-judge", 2)
    assert verdict.sentence.startswith("cannot judge: ")
    assert says in verdict.sentence
    json.dumps(conclude(tuned, {"base": other}).metrics_json(), allow_nan=False)
    json.dumps(conclude(tuned, {"base": other}).summary(), allow_nan=False)


def test_similarity_is_judged_by_spearman():
    rng = np.random.default_rng(0)
    gold = np.round(rng.random(200) * 5) / 5
    better, worse = (similarity(gold + rng.normal(0, spread, 200), gold) for spread in (0.2, 0.9))
    verdict = judge(better, worse)
    assert (verdict.verdict, verdict.metric, verdict.n) == ("ship", "spearman", 200)
    assert verdict.sentence.endswith("200 pairs)")


def test_the_same_seed_gives_the_same_verdict(base):
    other = np.random.default_rng(9).random(QUERIES)
    assert judge(retrieval(base), retrieval(other), seed=7) == judge(retrieval(base), retrieval(other), seed=7)


def test_the_outcome_has_what_the_command_line_promises(base):
    others = {"base": retrieval(base, "MiniLM"), "bm25": retrieval(base + 0.2, "BM25")}
    outcome = conclude(retrieval(base + 0.05), others)
    summary, metrics = outcome.summary(), outcome.metrics_json()
    assert summary["ndcg@10"] == pytest.approx(base.mean() + 0.05)
    assert (summary["verdict"], summary["against"], summary["queries"]) == ("ship", "MiniLM", QUERIES)
    assert summary["gain"] == pytest.approx(0.05)
    assert summary["interval"] == pytest.approx([0.05, 0.05])
    assert summary["p_value"] == pytest.approx(1 / 10_001)
    assert summary["p_corrected"] == pytest.approx(2 / 10_001)
    assert (metrics["metric"], metrics["n_queries"], list(metrics["systems"])) == (
        "ndcg@10",
        60,
        ["tuned", "base", "bm25"],
    )
    assert metrics["systems"]["bm25"]["ndcg@10"] == pytest.approx(base.mean() + 0.2)
    assert metrics["verdict"] == metrics["comparisons"]["base"]
    assert metrics["comparisons"]["bm25"]["verdict"] == "do-not-ship"
    low, high = metrics["intervals"]["base"]
    assert low < base.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * base.std() / math.sqrt(QUERIES), rel=0.1)


def test_alone_there_is_no_verdict(base):
    assert conclude(retrieval(base)).summary() == {
        "model": "tuned", "ndcg@10": pytest.approx(base.mean()), "queries": QUERIES, "comparisons": {}, "worse": [],
        "task": "retrieval",
        "forgetting": None, "warnings": conclude(retrieval(base)).warnings,
    }  # fmt: skip


def test_a_trec_run_keeps_order_scores_and_ids(tmp_path):
    run = {"q 1": {"a b": 0.1, "c": 0.30000001192092896, "d": 0.30000001192092896}}
    assert write_trec_run(tmp_path / "run.txt", retrieval([1.0], run=run), "my tag") == 3
    assert (tmp_path / "run.txt").read_text().splitlines() == [
        "q%201 Q0 d 1 0.300000012 my%20tag",
        "q%201 Q0 c 2 0.300000012 my%20tag",
        "q%201 Q0 a%20b 3 0.1 my%20tag",
    ]
    assert np.float32("0.300000012") == np.float32(0.30000001192092896)
