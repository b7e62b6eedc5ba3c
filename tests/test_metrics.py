"""Metrics equal trec_eval (through pytrec_eval) and scipy; the statistics find gains and no ghosts."""

import math

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from semtune import metrics

IDS = [f"d{i}" for i in range(130)] + ["é", "Z", "文"]
TREC = {"ndcg@10": "ndcg_cut_10", "recall@1": "recall_1", "recall@5": "recall_5", "recall@10": "recall_10",
        "recall@100": "recall_100", "map@100": "map_cut_100", "precision@10": "P_10", "hit@10": "success_10",
        "map@3": "map_cut_3", "precision@3": "P_3", "hit@3": "success_3", "ndcg@3": "ndcg_cut_3"}  # fmt: skip

grades = st.dictionaries(st.sampled_from(IDS), st.integers(-1, 3), min_size=1, max_size=25)
few_values = st.sampled_from([0.0, 0.25, 0.5, 0.5 + 1e-9, 0.7, 1.0, -1.0])  # many ties, one of them below float32
runs = st.dictionaries(st.sampled_from(IDS), few_values | st.floats(-1e3, 1e3, width=32), min_size=1, max_size=120)


def by_trec(qrels, run):
    measures = {"ndcg_cut.3,10", "recall.1,5,10,100", "map_cut.3,100", "P.3,10", "success.3,10"}
    return pytrec_eval.RelevanceEvaluator(qrels, measures).evaluate(run)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(grades, runs), min_size=1, max_size=3))
def test_retrieval_equals_pytrec_eval(cases):
    qrels = {f"q{i}": row for i, (row, _) in enumerate(cases)}
    run = {f"q{i}": row for i, (_, row) in enumerate(cases)}
    judged = [q for q in qrels if max(qrels[q].values()) > 0]
    names = {*metrics.RETRIEVAL, *metrics.measures_at([3])}
    found, trec = metrics.retrieval(qrels, run, sorted(names)), by_trec(qrels, run)
    for ours, theirs in TREC.items():
        np.testing.assert_allclose(found[ours], [trec[q][theirs] for q in judged], atol=1e-6)
    top = {q: {d: run[q][d] for d in metrics.ranking(run[q], 10)} for q in run}
    cut = pytrec_eval.RelevanceEvaluator(qrels, {"recip_rank"}).evaluate(top)
    np.testing.assert_allclose(found["mrr@10"], [cut[q]["recip_rank"] for q in judged], atol=1e-6)


def test_ndcg_by_hand():
    # grades 3 and 1; found at ranks 2 and 1: (1/log2(2) + 3/log2(3)) / (3/log2(2) + 1/log2(3))
    expected = (1 + 3 / math.log2(3)) / (3 + 1 / math.log2(3))
    assert metrics.ndcg({"a": 3, "b": 1}, ["b", "a", "c"], 10) == pytest.approx(expected)


def test_ties_go_to_the_larger_id_as_in_trec_eval():
    assert metrics.ranking({"a": 0.5, "c": 0.5, "b": 0.5 + 1e-9, "d": 0.1}) == ["c", "b", "a", "d"]


def test_an_unanswered_query_counts_zero_and_one_without_relevant_documents_not_at_all():
    found = metrics.retrieval({"q1": {"a": 1}, "q2": {"a": 1}, "q3": {"a": 0}}, {"q1": {"a": 1.0}, "q3": {"a": 1.0}})
    assert found["ndcg@10"].tolist() == [1.0, 0.0]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.floats(-1, 1, width=16)), min_size=3, max_size=60))
def test_correlations_equal_scipy(rows):
    a, b = np.array(rows, dtype=float).T
    if len(set(a)) < 2 or len(set(b)) < 2:
        assert math.isnan(metrics.spearman(a, b))
        return
    assert metrics.spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-6)
    if np.ptp(b) > 1e-3:
        assert metrics.pearson(a, b) == pytest.approx(stats.pearsonr(a, b).statistic, abs=1e-6)
    np.testing.assert_array_equal(metrics.ranks(a), stats.rankdata(a))


# The statistics. Bounds: three standard errors of a share of 5 % (2.5 % one-sided) in the number of trials.


def null_pair(rng, n):
    """Two systems that are equal in truth, with values as nDCG has them: many 0 and 1, many shared."""
    grid = np.array([0, 0, 0, 0.3, 0.4, 0.5, 0.63, 1, 1, 1])
    a = grid[rng.integers(0, 10, n)]
    b = np.where(rng.random(n) < 0.6, a, grid[rng.integers(0, 10, n)])
    return a, b


def test_means_of_equal_systems_seldom_differ():
    rng = np.random.default_rng(1)
    found = [metrics.compare_means(*null_pair(rng, 60), seed=i, samples=500) for i in range(400)]
    assert sum(c.p_value < 0.05 for c in found) / 400 < 0.05 + 0.033
    assert sum(c.p_value < 0.05 and c.low > 0 for c in found) / 400 < 0.025 + 0.024
    assert 0.88 < sum(c.low <= 0 <= c.high for c in found) / 400 < 0.99


def test_the_interval_equals_scipys_bootstrap_and_the_p_value_scipys_permutation_test():
    rng = np.random.default_rng(2)
    a = rng.random(80)
    b = np.clip(a + rng.normal(-0.03, 0.12, 80), 0, 1)
    found = metrics.compare_means(a, b, seed=0)
    reference = stats.bootstrap((a - b,), np.mean, method="percentile", n_resamples=10_000, rng=rng)
    assert found.gain == pytest.approx((a - b).mean())
    assert found.low == pytest.approx(reference.confidence_interval.low, abs=0.002)
    assert found.high == pytest.approx(reference.confidence_interval.high, abs=0.002)
    test = stats.permutation_test((a, b), lambda x, y: np.mean(x - y), permutation_type="samples", rng=rng)
    assert found.p_value == pytest.approx(test.pvalue, abs=0.01)


def test_a_planted_gain_in_the_mean_is_found():
    rng = np.random.default_rng(3)
    found = []
    for i in range(50):
        a, b = null_pair(rng, 200)
        found.append(metrics.compare_means(np.minimum(a + 0.15, 1), b, seed=i, samples=500))
    assert sum(c.p_value < 0.05 and c.low > 0 for c in found) >= 48


def test_identical_systems_differ_by_nothing():
    values = np.linspace(0, 1, 30)
    assert metrics.compare_means(values, values) == metrics.Comparison(0.0, 0.0, 0.0, 1.0)
    gold = np.linspace(1, 0, 30) ** 2
    assert metrics.compare_spearman(values, values, gold, samples=50) == metrics.Comparison(0.0, 0.0, 0.0, 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [lambda x: x, lambda x: np.exp(1.3 * x)], ids=["same scale", "other scale"])
def test_spearman_of_equal_systems_seldom_differs(scale):
    rng = np.random.default_rng(4)
    ghosts = 0
    for i in range(100):
        gold = np.round(rng.normal(size=50), 1)
        a, b = gold + rng.normal(size=50) * 0.6, scale(gold + rng.normal(size=50) * 0.6)
        found = metrics.compare_spearman(a, b, gold, seed=i, samples=100)
        ghosts += found.p_value < 0.05 and found.low > 0
    assert ghosts / 100 < 0.025 + 0.047


def test_a_planted_gain_in_spearman_is_found():
    rng = np.random.default_rng(5)
    ships = 0
    for i in range(20):
        gold = rng.normal(size=300)
        a, b = gold + rng.normal(size=300) * 0.5, gold + rng.normal(size=300) * 0.8
        found = metrics.compare_spearman(a, b, gold, seed=i, samples=200)
        ships += found.p_value < 0.05 and found.low > 0
    assert ships >= 19


labelled = st.lists(st.tuples(st.booleans(), few_values | st.floats(-1, 1, width=16)), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(labelled)
def test_cuts_and_average_precision_equal_sklearn_and_sentence_transformers(rows):
    from sentence_transformers.sentence_transformer.evaluation import BinaryClassificationEvaluator as Reference
    from sklearn.metrics import average_precision_score

    gold, scores = np.array(rows, dtype=float).T
    accuracy = metrics.best_accuracy(scores, gold)
    assert (accuracy.value, accuracy.threshold) == Reference.find_best_acc_and_threshold(scores, gold, True)
    if not gold.any():
        assert math.isnan(metrics.average_precision(scores, gold))
        assert math.isnan(metrics.best_f1(scores, gold).value)
        return
    assert metrics.average_precision(scores, gold) == pytest.approx(average_precision_score(gold, scores), abs=1e-12)
    f1 = metrics.best_f1(scores, gold)
    assert (f1.value, f1.precision, f1.recall, f1.threshold) == Reference.find_best_f1_and_threshold(scores, gold, True)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40))
def test_clusters_and_classes_equal_sklearn(rows):
    from sklearn.metrics import f1_score, homogeneity_completeness_v_measure

    one, two = np.array(rows).T
    found = metrics.v_measure(one, two)
    reference = homogeneity_completeness_v_measure(one, two)
    assert (found.homogeneity, found.completeness, found.v_measure) == pytest.approx(reference, abs=1e-9)
    assert found.parts.mean() == pytest.approx(found.v_measure, abs=1e-9)
    assert metrics.macro_f1(one, two) == pytest.approx(f1_score(one, two, average="macro"), abs=1e-12)


def test_the_parts_of_v_measure_spread_as_its_bootstrap_does():
    rng = np.random.default_rng(7)
    one = rng.integers(0, 5, 800)
    two = np.where(rng.random(800) < 0.7, one, rng.integers(0, 5, 800))
    drawn = [metrics.v_measure(one[rows], two[rows]).v_measure for rows in rng.integers(0, 800, (400, 800))]
    assert metrics.v_measure(one, two).parts.std() / np.sqrt(800) == pytest.approx(np.std(drawn), rel=0.12)


@pytest.mark.slow
def test_average_precision_of_equal_systems_seldom_differs_and_a_planted_gain_is_found():
    rng = np.random.default_rng(8)
    ghosts = gains = 0
    for i in range(25):
        gold = (rng.random(200) < 0.4).astype(float)
        a, b, worse = (gold + rng.normal(size=200) * spread for spread in (0.6, 0.6, 1.3))
        equal = metrics.compare_statistic(a, np.exp(b), gold, metrics.average_precision, seed=i, samples=200)
        found = metrics.compare_statistic(a, worse, gold, metrics.average_precision, seed=i, samples=200)
        ghosts += equal.p_value < 0.05 and equal.low > 0
        gains += found.p_value < 0.05 and found.low > 0
    assert (ghosts <= 2, gains >= 23) == (True, True)


def mined(rng, spread, n=60):
    """Two sentences of each meaning; the model sees each sentence, with noise, in 8 dimensions."""
    meanings = np.repeat(np.random.default_rng(0).normal(size=(n // 2, 8)), 2, axis=0)
    vectors = metrics.unit(meanings + rng.normal(size=(n, 8)) * spread)
    one, two = np.triu_indices(n, 1)
    scores = np.einsum("ij,ij->i", vectors[one], vectors[two])
    order = np.argsort(-scores)
    pairs = np.stack([one, two], axis=1)[order]
    right = ((pairs[:, 0] // 2) == (pairs[:, 1] // 2)).astype(float)
    duplicates = np.stack([np.arange(0, n, 2), np.arange(1, n, 2)], axis=1)
    return metrics.Mined(pairs, scores[order], right, duplicates, n)


def test_mined_duplicates_are_compared_by_sentence():
    rng = np.random.default_rng(9)
    ghosts = gains = 0
    for i in range(25):
        a, b, worse = (mined(rng, spread) for spread in (0.5, 0.5, 1.0))
        equal, found = (metrics.compare_mined(a, other, seed=i, samples=200) for other in (b, worse))
        ghosts += equal.p_value < 0.05 and equal.low > 0
        gains += found.p_value < 0.05 and found.low > 0
    assert (ghosts <= 2, gains >= 23) == (True, True)
    assert a.resampled(np.ones(60)) == pytest.approx(a.average_precision())
    low, high = metrics.mined_interval(a, samples=200)
    assert low < a.average_precision() < high
