"""No false improvement ships, a real one does; bars, forgetting and slices stand in the way in words."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from scores_by_hand import retrieval, similarity
from semtune.evaluate.settings import EvaluateSettings
from semtune.evaluate.verdict.gates import forgetting
from semtune.evaluate.verdict.outcome import conclude
from semtune.evaluate.verdict.rule import judge
from semtune.evaluate.verdict.slices import SliceRows
from semtune.metrics import spearman

STEPS = np.array([0.0, 0.0, 0.3, 0.387, 0.431, 0.5, 0.631, 1.0, 1.0])  # nDCG@10 of one relevant document by rank


def ranks_with_noise(rng, queries, lift=0.0):
    """What a model with noise on its weights makes of the same queries: some ranks move, up as often as down."""
    places = rng.integers(0, len(STEPS), queries)

    def copy(up):
        moved = rng.random(queries) < 0.3
        shift = rng.choice([-2, -1, 1, 2], queries) * moved + (rng.random(queries) < up) * 3
        return STEPS[np.clip(places + shift, 0, len(STEPS) - 1)]

    return copy(lift), copy(0.0)


@pytest.mark.parametrize("queries", [30, 120])
def test_two_copies_of_one_model_with_noise_cannot_be_judged(queries):
    words = [
        judge(*map(retrieval, ranks_with_noise(np.random.default_rng(seed), queries)), seed).verdict
        for seed in range(20)
    ]
    assert words.count("cannot-judge") >= 19


@pytest.mark.slow
def test_two_noisy_copies_cannot_be_judged_by_spearman_either():
    words = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        gold = np.round(rng.random(200) * 5) / 5
        cosine = gold + rng.normal(0, 0.3, 200)
        copies = [similarity(cosine + rng.normal(0, 0.05, 200), gold) for _ in "ab"]
        words.append(judge(*copies, seed).verdict)
    assert words.count("cannot-judge") >= 19


def test_a_planted_gain_ships_every_time():
    for seed in range(8):
        tuned, base = ranks_with_noise(np.random.default_rng(seed), 200, lift=0.35)
        assert judge(retrieval(tuned), retrieval(base), seed).verdict == "ship"


@pytest.mark.parametrize(
    ("gain", "spread", "min_gain", "word", "says"),
    [
        (0.05, 0.02, 0.0, "ship", "is better by +0.05"),
        (0.05, 0.02, 0.03, "ship", "is better by +0.05"),
        (
            0.004,
            0.002,
            0.0,
            "cannot-judge",
            "is better by +0.004 [0.004, 0.004] (p = 0.0001, 100 queries), but perhaps within the noise",
        ),
        (-0.004, 0.002, 0.0, "cannot-judge", "but perhaps within the noise of the training seed, 0.005 (noise)"),
        (0.05, 0.10, 0.04, "cannot-judge", "but perhaps by less than 0.04 (min_gain)"),
        (0.001, 0.02, 0.03, "do-not-ship", "do not ship: a gain of 0.03 (min_gain) is ruled out, nDCG@10 +0.001 ["),
        (0.00, 0.20, 0.03, "cannot-judge", "is not significant; 100 queries can only detect differences above 0.068"),
        (0.00, 0.00, 0.0, "cannot-judge", "is equal for both on all 100 queries"),
        (-0.05, 0.02, 0.0, "do-not-ship", "is worse by -0.05"),
        (-0.05, 0.02, 0.03, "do-not-ship", "is worse by -0.05"),
    ],
)
def test_the_interval_and_the_gain_that_is_asked_for_decide(gain, spread, min_gain, word, says):
    base = np.linspace(0.1, 0.8, 100)
    waves = np.sqrt(2) * np.sin(2 * np.pi * np.arange(100) * 7 / 100)  # of mean 0 and spread 1
    found = judge(retrieval(base + gain + spread * waves), retrieval(base), limits=EvaluateSettings(min_gain=min_gain))
    assert found.verdict == word
    assert says in found.sentence


def test_a_stricter_level_asks_for_more():
    rng = np.random.default_rng(3)
    base = rng.random(80)
    tuned = base + rng.normal(0.03, 0.12, 80)
    p_value = judge(retrieval(tuned), retrieval(base)).p_value
    assert 0.001 < p_value < 0.05
    assert judge(retrieval(tuned), retrieval(base)).verdict == "ship"
    assert judge(retrieval(tuned), retrieval(base), limits=EvaluateSettings(alpha=0.001)).verdict == "cannot-judge"


def test_what_is_detectable_is_that_of_the_paired_differences():
    rng = np.random.default_rng(0)
    base = rng.random(100)
    difference = rng.normal(0, 0.1, 100)
    found = judge(retrieval(base + difference), retrieval(base))
    assert found.detectable == pytest.approx(3.4174 * difference.std() / 10, rel=0.03)


def test_several_comparisons_are_corrected_together():
    rng = np.random.default_rng(5)
    base = rng.random(60)
    tuned = base + rng.normal(0.04, 0.12, 60)
    others = {"base": base, "bm25": base + rng.normal(0, 0.1, 60), "other": base - 0.3}
    outcome = conclude(retrieval(tuned), {name: retrieval(values, name) for name, values in others.items()})
    raw = {name: found.p_value for name, found in outcome.comparisons.items()}
    order = sorted(raw, key=raw.get)
    by_hand, highest = {}, 0.0
    for rank, name in enumerate(order):
        by_hand[name] = highest = max(highest, min(1.0, raw[name] * (3 - rank)))
    assert {name: found.p_corrected for name, found in outcome.comparisons.items()} == pytest.approx(by_hand)
    assert "corrected for 3 comparisons" in outcome.verdict.sentence
    assert outcome.verdict.against == "base"


BETTER = np.linspace(0.1, 0.7, 60)


def test_a_bar_stands_against_a_gain():
    tuned, base = retrieval(BETTER + 0.1), retrieval(BETTER, "base")
    outcome = conclude(tuned, {"base": base}, limits=EvaluateSettings(min_metric=0.6))
    assert outcome.verdict.verdict == "do-not-ship"
    assert outcome.verdict.sentence.startswith(
        "do not ship: nDCG@10 0.5000 is below the minimum of 0.6 (min_metric); nDCG@10 is better by +0.100"
    )
    assert outcome.comparisons["base"].verdict == "ship"
    assert conclude(tuned, {"base": base}, limits=EvaluateSettings(min_metric=0.5)).verdict.verdict == "ship"


@pytest.mark.parametrize(
    ("bar", "values", "word", "sentence"),
    [
        (0.39, BETTER, "ship", "ship: nDCG@10 0.4000 reaches the minimum of 0.39 (60 queries)"),
        (
            0.5,
            BETTER,
            "do-not-ship",
            "do not ship: nDCG@10 0.4000 is below the minimum of 0.5 (min_metric) (60 queries)",
        ),
        (
            0.4,
            BETTER[:1],
            "cannot-judge",
            "cannot judge: 1 query is too few; at least 20 are needed. Label more.",
        ),
    ],
)
def test_a_model_alone_is_held_to_the_bar(bar, values, word, sentence):
    found = conclude(retrieval(values), limits=EvaluateSettings(min_metric=bar)).verdict
    assert (found.verdict, found.sentence, found.against) == (word, sentence, "")
    assert math.isnan(found.gain)


GOLD = np.arange(100) / 99


@cache
def general(noise):
    """Tuned, base and what tuned forgot, on 100 pairs; the base's cosines are off by 0.1."""
    tuned, base = (similarity(GOLD + spread * np.sin(np.arange(100) * 1.7), GOLD) for spread in (noise, 0.1))
    tuned = replace(tuned, not_finite=3) if math.isnan(noise) else tuned
    return tuned, base, forgetting("stsb.csv", tuned, base)


@pytest.mark.parametrize(
    ("noise", "max_drop", "word", "says"),
    [
        (0.1, 0.01, "ship", "ship: nDCG@10 is better"),
        (0.9, 0.01, "do-not-ship", "more than the allowed 0.01 (max_drop); nDCG@10 is better by"),
        (0.9, 0.90, "ship", "ship: nDCG@10 is better"),
        (
            math.nan,
            0.01,
            "cannot-judge",
            "cannot judge: forgetting on general text (stsb.csv) could not be measured",
        ),
    ],
)
def test_forgetting_stands_against_a_gain(noise, max_drop, word, says):
    tuned, base, forgot = general(noise)
    outcome = conclude(
        retrieval(BETTER + 0.1),
        {"base": retrieval(BETTER, "base")},
        limits=EvaluateSettings(max_drop=max_drop),
        forgot=forgot,
    )
    assert outcome.verdict.verdict == word
    assert says in outcome.verdict.sentence
    written = outcome.metrics_json()["forgetting"]
    assert written["drop"] == (
        None
        if math.isnan(noise)
        else pytest.approx(-spearman(tuned.similarities, GOLD) + spearman(base.similarities, GOLD))
    )


def test_forgetting_is_named_also_where_the_comparison_cannot_tell():
    _, _, forgot = general(0.9)
    outcome = conclude(retrieval(BETTER), {"base": retrieval(BETTER, "base")}, forgot=forgot)
    assert outcome.verdict.verdict == "do-not-ship"
    assert "nDCG@10 is equal for both" in outcome.verdict.sentence


@pytest.mark.parametrize(("most", "word"), [(None, "ship"), (0.05, "do-not-ship"), (0.5, "ship")])
def test_a_slice_that_got_worse_is_named(most, word):
    change = np.where(np.arange(60) < 15, -0.1, 0.2)
    parts = [SliceRows("language", "de", np.arange(15)), SliceRows("language", "en", np.arange(15, 60))]
    outcome = conclude(
        retrieval(BETTER + change),
        {"base": retrieval(BETTER, "base")},
        limits=EvaluateSettings(max_slice_drop=most),
        parts=parts,
    )
    assert outcome.verdict.verdict == word
    assert outcome.verdict.sentence.endswith("; worse for language de (-0.100, n = 15)")
    assert [part.worse for part in outcome.slices] == [True, False]
    assert any(warning.startswith("Worse for language de: -0.100") for warning in outcome.warnings)
    assert [part["value"] for part in outcome.summary()["worse"]] == ["de"]


def test_warnings_tell_of_a_small_set_leaks_and_a_better_rival():
    rng = np.random.default_rng(0)
    base = rng.random(40)
    tuned = retrieval(
        base + rng.normal(0, 0.2, 40), counts={"documents": 5, "relevant": 50, "relevant_not_in_corpus": 3}
    )
    others = {"base": retrieval(base, "base"), "bm25": retrieval(base + 0.4, "BM25")}
    leaks = {"found": 4, "by_sort": {"document": 3, "group": 0, "text": 1}}
    outcome = conclude(tuned, others, leaks=leaks)
    small, leaking, missing, rival = outcome.warnings
    seen = outcome.comparisons["base"].detectable
    assert small.startswith(
        f"The test set is small: its 40 queries can only detect differences above {seen:.3f} in nDCG@10"
    )
    assert f"about {math.ceil(40 * (seen / 0.05) ** 2):,} would detect 0.05." in small
    assert leaking.startswith(
        "The test set leaks: the train split shares 4 items with held-out data (3 document, 1 text)"
    )
    assert missing == "3 of 50 relevant documents are not in the corpus and count as not found."
    assert rival.startswith("Worse than BM25 by -0.3")


def test_alone_what_makes_the_metric_worthless_is_a_warning():
    (few,) = conclude(retrieval([0.5])).warnings
    assert few == "1 query is too few; at least 20 are needed. Label more."
    (same,) = conclude(similarity(np.arange(30), [3.0] * 30)).warnings
    assert same == "all pairs have the same gold score, so there is no correlation."


def test_alone_the_spread_of_the_metric_says_what_can_be_seen():
    values = np.tile([0.0, 1.0], 50)
    (warning,) = conclude(retrieval(values)).warnings
    assert "100 queries can only detect differences above 0.1" in warning  # 3.4 × 0.5 / 10 = 0.17
