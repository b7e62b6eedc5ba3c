"""Accuracy by pair of languages, by hand: intervals, weak pairs, two models, tables and what the contract keeps."""

import json

import numpy as np
import pytest
from scipy.stats import binomtest

from semtune.dataset import Dataset
from semtune.encoders.toy import ToyEncoder
from semtune.evaluate.language_pairs import LanguagePair, LanguageTexts
from semtune.evaluate.report.language_pairs import page_table, terminal_rows
from semtune.evaluate.report.page import write_report
from semtune.evaluate.result import Scores
from semtune.evaluate.saved.markdown import summary_page
from semtune.evaluate.scores import score
from semtune.evaluate.settings import EvaluateSettings
from semtune.evaluate.verdict.language_pairs import compare_pairs, weak_pairs, weak_sentence
from semtune.evaluate.verdict.outcome import conclude
from semtune.metrics.proportions import compare_proportions, proportion_interval
from semtune.types import Parallel


def pair(source, target, right, n=100):
    return LanguagePair(source, target, np.arange(n) < right)


def made(*pairs):
    matrix = {}
    for each in pairs:
        matrix.setdefault(each.source, {})[each.target] = each.accuracy
    values = np.concatenate([each.right for each in pairs]).astype(float)
    return Scores(
        "cross-language", "toy", "f", "toy", {"accuracy@1": float(values.mean())}, {"accuracy@1": values},
        tuple(str(i) for i in range(len(values))), matrix=matrix, language_pairs=tuple(pairs),
        languages={each.source: LanguageTexts(each.n, 3, 0.25) for each in pairs},
    )  # fmt: skip


@pytest.mark.parametrize(("right", "n"), [(0, 10), (10, 10), (839, 1000), (1, 3)])
def test_the_interval_is_wilsons(right, n):
    bounds = binomtest(right, n).proportion_ci(0.95, "wilson")
    assert proportion_interval(right, n) == pytest.approx((bounds.low, bounds.high), abs=1e-9)


def test_two_models_are_compared_by_mcnemars_exact_test():
    a = np.array([True] * 30 + [False] * 9 + [True] * 61)
    b = np.array([False] * 30 + [True] * 9 + [True] * 61)
    found = compare_proportions(a, b, 1)
    assert found.gain == pytest.approx(0.21)
    assert found.p_value == pytest.approx(binomtest(9, 39).pvalue)
    rng = np.random.default_rng(0)
    drawn = (a.astype(int) - b)[rng.integers(0, 100, (20_000, 100))].mean(axis=1)
    assert (found.low, found.high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.011)
    assert compare_proportions(a, a).p_value == 1.0


def test_weak_pairs_are_below_a_half_or_surely_below_the_mean():
    scores = made(pair("de", "en", 97), pair("fr", "en", 95), pair("th", "en", 70), pair("ab", "en", 49, 98))
    assert [each.source for each in weak_pairs(scores)] == ["ab"]  # 49 of 98 is a half, but the mean is 0.78
    assert [each.source for each in weak_pairs(made(pair("de", "en", 97), pair("th", "en", 40)))] == ["th"]
    assert weak_pairs(made(pair("de", "en", 55), pair("fr", "en", 60))) == []
    assert weak_sentence(scores) == (
        "toy is weak in 1 of 4 pairs of languages (below 0.5, or surely below their mean of 0.78): ab → English 0.50."
    )
    assert weak_sentence(made(pair("de", "en", 99))) == ""


def test_a_pair_that_got_worse_is_named_and_stops_the_model_if_asked():
    before = made(pair("deu", "eng", 40, 300), pair("fra", "eng", 200, 300))
    after = made(pair("deu", "eng", 280, 300), pair("fra", "eng", 150, 300))
    parts = compare_pairs(after, before)
    assert [(part.value, part.worse, round(part.gain, 3)) for part in parts] == [
        ("French → English", True, -0.167), ("German → English", False, 0.8),
    ]  # fmt: skip
    outcome = conclude(after, {"base": before})
    assert "worse for language pair French → English" in outcome.verdict.sentence
    assert "1 got better and 1 worse (French → English)" in summary_page(outcome)
    assert outcome.summary()["worse"][0]["value"] == "French → English"
    strict = conclude(after, {"base": before}, limits=EvaluateSettings(max_slice_drop=0.0))
    assert strict.verdict.verdict == "do-not-ship"
    assert compare_pairs(after, made(pair("deu", "eng", 40, 299))) == []


def test_the_terminal_shows_the_weakest_and_the_page_all(tmp_path):
    pairs = [pair(f"{chr(97 + i)}{chr(97 + i)}", "eng", 50 + i) for i in range(20)]
    back = [pair("eng", each.source, 60) for each in pairs]
    scores = made(*pairs, *back)
    head, rows, left_out = terminal_rows(scores)
    assert head == ["language", "n", "→ eng", "eng →", "unknown", "cut"]
    assert rows[0] == ["aa", "100", "0.50 [0.40, 0.60]", "0.60 [0.50, 0.69]", "25.0%", "3"]
    assert (len(rows), left_out) == (
        12,
        "The 12 weakest of 20 languages; all are in --json, and with -o in report.html.",
    )
    assert len(page_table(scores).rows) == 20


def test_every_pair_is_in_json_and_on_the_page(tmp_path):
    texts = tuple(f"kettle {word}" for word in ("one", "two", "three"))
    data = Dataset(parallel={"test": [Parallel("deu", "eng", ("a", "b", "c"), texts, texts, ((0,), (1,), (2,)), True)]})
    found = score(ToyEncoder(), data)
    assert [(each.source, each.target, each.accuracy, each.n) for each in found.language_pairs] == [
        ("deu", "eng", 1.0, 3), ("eng", "deu", 1.0, 3),
    ]  # fmt: skip
    assert found.languages["deu"] == LanguageTexts(3, 0, None)
    outcome = conclude(found)
    values = json.loads(json.dumps(outcome.summary(), allow_nan=False))
    assert values["language_pairs"][0] == {
        "source": "deu", "target": "eng", "name": "German → English", "n": 3, "accuracy@1": 1.0,
        "interval": pytest.approx([0.4385, 1.0], abs=1e-4), "weak": False,
    }  # fmt: skip
    assert values["languages"]["deu"] == {"name": "German", "texts": 3, "cut": 0, "unknown_tokens": None}
    write_report(tmp_path / "report.html", outcome, data)
    assert "German (deu)" in (tmp_path / "report.html").read_text()
    assert "[0.439, 1.000]" in (tmp_path / "report.html").read_text()


def test_vectors_with_nan_have_no_pairs(tmp_path):
    class Broken(ToyEncoder):
        def encode(self, texts, role="document", progress=None):
            made = super().encode(texts, role, progress)
            made.vectors[:] = np.nan
            return made

    data = Dataset(parallel={"test": [Parallel("de", "en", ("a",), ("x y",), ("x y",), ((0,),), True)]})
    outcome = conclude(score(Broken(), data))
    assert outcome.tuned.language_pairs == ()
    write_report(tmp_path / "report.html", outcome, data)
    json.dumps(outcome.summary(), allow_nan=False)
