"""What a score means: the curve equals scikit-learn's, the cuts are those of a hand-worked case."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from semtune import contract as contracts
from semtune.contract import with_thresholds
from semtune.dataset import Dataset
from semtune.encoders.toy import ToyEncoder
from semtune.errors import InputError
from semtune.evaluate.retrieval import exact_search as retrieval
from semtune.evaluate.scores import score
from semtune.evaluate.serving.calibration import (
    calibrate,
    calibration_error,
    calibration_split,
    find_cuts,
    fit_logistic,
    shown_answers,
)
from semtune.evaluate.two_splits import score_two_splits
from semtune.testing.toy_model import write_toy_model
from semtune.types import Document, Query, ScoredPair

WORDS = [f"w{i}" for i in range(50)]


def drawn(slope, intercept, n=4000, seed=0):
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0, 1, n)
    return scores, rng.random(n) < expit(slope * scores + intercept)


@pytest.mark.parametrize(("slope", "intercept"), [(12.0, -7.0), (3.0, -4.0), (-5.0, 1.0), (60.0, -50.0)])
def test_the_curve_is_that_of_scikit_learn_and_of_what_made_the_data(slope, intercept):
    calibration = pytest.importorskip("sklearn.calibration")
    scores, relevant = drawn(slope, intercept)
    mine = fit_logistic(scores, relevant)
    theirs = calibration._sigmoid_calibration(scores, relevant.astype(int))  # A, B of 1 / (1 + exp(A f + B))
    grid = np.linspace(0, 1, 50)
    np.testing.assert_allclose(expit(mine[0] * grid + mine[1]), expit(-theirs[0] * grid - theirs[1]), atol=2e-5)
    np.testing.assert_allclose(expit(mine[0] * grid + mine[1]), expit(slope * grid + intercept), atol=0.1)


def test_the_curve_has_zero_gradient_of_the_smoothed_loss_and_is_finite_for_classes_apart():
    scores, relevant = np.array([0.1, 0.2, 0.3, 0.7, 0.8]), np.array([False, False, False, True, True])
    slope, intercept = fit_logistic(scores, relevant)
    targets = np.where(relevant, 3 / 4, 1 / 5)
    gap = expit(slope * scores + intercept) - targets
    assert abs(gap.sum()) < 1e-6
    assert abs((gap * scores).sum()) < 1e-6
    assert 0 < slope < 50


def test_cuts_by_hand():
    scores = np.array([0.9, 0.8, 0.8, 0.5, 0.4, 0.3])
    relevant = np.array([True, True, False, True, False, False])
    found = find_cuts(scores, relevant, wanted=4)  # one relevant document was not among the answers
    best = found["best-f1"]  # at 0.5: 3 of 4 kept are relevant, 3 of 4 wanted are found
    assert (best.score, best.precision, best.recall, best.f1) == (0.5, 0.75, 0.75, 0.75)
    assert found.keys() == {"best-f1"}  # no recall of 0.9, and too few answers for a precision


def test_precision_and_recall_cuts_are_the_last_and_the_first_that_reach():
    scores = np.arange(100, 0, -1) / 100
    relevant = np.arange(100) < 40
    relevant[[45, 70]] = True
    found = find_cuts(scores, relevant, wanted=42)
    kept = np.arange(1, 101)
    hits = np.cumsum(relevant)
    assert found["p0.9"].score == scores[np.flatnonzero(hits / kept >= 0.9)[-1]]
    assert found["r0.9"].score == scores[np.flatnonzero(hits / 42 >= 0.9)[0]]
    assert found["p0.8"].score < found["p0.9"].score < found["p0.95"].score


def test_calibration_error_by_hand():
    relevant = np.array([True] * 5 + [False] * 5)
    assert calibration_error(np.full(10, 0.5), relevant, groups=1) == 0
    assert calibration_error(np.array([0.9] * 5 + [0.1] * 5), relevant, groups=2) == pytest.approx(0.1)


@pytest.fixture(scope="module")
def searched():
    rng = np.random.default_rng(0)
    corpus = [Document(f"d{i}", " ".join(rng.choice(WORDS, 8))) for i in range(150)]
    queries = {f"q{i}": Query(f"q{i}", " ".join(corpus[i].text.split()[:3])) for i in range(60)}
    qrels = {
        split: {f"q{i}": {f"d{i}": 1} for i in rows} for split, rows in (("test", range(25)), ("dev", range(25, 60)))
    }
    return Dataset(corpus=corpus, queries=queries, qrels=qrels)


def test_two_splits_in_one_pass_are_as_each_alone(searched, monkeypatch):
    monkeypatch.setattr(retrieval, "CHUNK", 40)
    seen = []

    class Counting(ToyEncoder):
        def encode(self, texts, role="document", progress=None):
            seen.append((role, len(texts)))
            return super().encode(texts, role, progress)

    both = score_two_splits(Counting(), searched, "test", "dev")
    assert sum(n for role, n in seen if role == "document") == 150
    for split in ("test", "dev"):
        alone = score(ToyEncoder(), searched, split)
        assert both[split].run == alone.run
        assert both[split].metrics == alone.metrics
        assert both[split].counts == alone.counts
    assert score_two_splits(ToyEncoder(), searched, "test", "test").keys() == {"test"}


def test_thresholds_of_a_search_are_measured_on_the_ten_answers_shown(searched):
    assert calibration_split(searched, "retrieval") == "dev"
    found = score(ToyEncoder(), searched, "dev")
    answers = shown_answers(found, searched.qrels["dev"])
    assert (len(answers.scores), answers.wanted) == (350, 35)
    made = calibrate(found, searched, "dev")
    cut = made.cuts["best-f1"].score
    kept = [(q, d) for q in found.query_ids for d in list(found.run[q])[:10] if found.run[q][d] >= cut]
    right = [d in searched.qrels["dev"][q] for q, d in kept]
    assert made.cuts["best-f1"].precision == pytest.approx(np.mean(right))
    assert made.cuts["best-f1"].recall == pytest.approx(sum(right) / 35)
    assert made.calibration.probability(0.95) > 0.5 > made.calibration.probability(0.3)
    assert made.error < 0.1


def test_thresholds_of_scored_pairs():
    rng = np.random.default_rng(0)
    pairs = [ScoredPair(" ".join(rng.choice(WORDS, 4)), "", float(rng.integers(0, 6)) / 5) for _ in range(120)]
    pairs = [replace(p, sentence2=p.sentence1 if p.score >= 0.6 else "w1 w2") for p in pairs]
    data = Dataset(scored={"test": pairs})
    assert calibration_split(data, "similarity") == "test"
    made = calibrate(score(ToyEncoder(), data), data, "test")
    assert made.cuts["best-f1"].f1 > 0.99
    assert "0.6 or more" in made.calibration.of


def test_a_broken_model_gets_no_thresholds(searched):
    found = score(ToyEncoder(), searched, "dev")
    for broken, words in (({"not_finite": 3}, "NaN for 3 texts"), ({"collapsed": True}, "collapsed")):
        with pytest.raises(InputError, match=f"Thresholds cannot be measured: .*{words}"):
            calibrate(replace(found, **broken), searched, "dev")


def test_too_few_labels_are_refused(searched):
    few = replace(searched, qrels={"dev": {"q30": {"d30": 1}}})
    with pytest.raises(InputError, match="at least 20 relevant and 20 other answers"):
        calibrate(score(ToyEncoder(), few, "dev"), few, "dev")


def test_the_contract_keeps_thresholds_and_curve_and_its_fingerprint(tmp_path, searched):
    folder = write_toy_model(tmp_path / "toy", WORDS)
    before = contracts.describe(folder)
    contracts.save(before, folder)
    old = (folder / contracts.FILE).read_text().replace(',\n  "calibration": null', "")
    assert "calibration" not in old
    (folder / contracts.FILE).write_text(old)
    assert contracts.load(folder) == before  # a file from before there were curves
    made = calibrate(score(ToyEncoder(), searched, "dev"), searched, "dev")
    contracts.save(with_thresholds(before, made.as_dict()), folder)
    after = contracts.load(folder)
    assert after.fingerprint == before.fingerprint
    assert (after.thresholds, after.calibration) == (made.thresholds, made.calibration)
    assert after.calibration.probability(1e9) == 1
