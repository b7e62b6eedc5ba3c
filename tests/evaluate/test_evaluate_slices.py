"""Slices by hand: who is in which, and what each gained."""

from dataclasses import replace

import numpy as np
import pytest

from scores_by_hand import retrieval, similarity
from semtune.dataset import Dataset
from semtune.evaluate.verdict.slices import SMALLEST, SliceRows, partition, restrict, slices
from semtune.languages.identify import tell
from semtune.metrics import compare_means, spearman
from semtune.types import Document, Query

N = 40


@pytest.fixture
def data():
    """Query i has i + 1 words; the first half German, every fourth about tea; its answer 2 words, or 30."""
    words = {"de": "der Kessel ist nicht auf dem Herd und", "en": "the kettle is not on the stove and"}
    queries, corpus, qrels = {}, [], {}
    for i in range(N):
        text = " ".join((words["de" if i < N // 2 else "en"].split() * 6)[: i + 9])
        queries[f"q{i}"] = Query(f"q{i}", text, {"topic": "tea" if i % 4 == 0 else "metal", "tags": ["a"], "id": i})
        corpus.append(Document(f"d{i}", "two words" if i % 2 else "word " * 30, metadata={"source": "manual"}))
        qrels[f"q{i}"] = {f"d{i}": 1, "gone": 2, f"d{(i + 1) % N}": 0}
    return Dataset(corpus=corpus, queries=queries, qrels={"test": qrels})


def test_queries_are_parted_by_length_language_answer_and_metadata(data):
    found = {(part.by, part.value): part.rows.tolist() for part in partition(data, "test", retrieval([0.5] * N), tell)}
    assert found == {
        ("query length", "up to 22 words"): list(range(14)),
        ("query length", "23 to 35 words"): list(range(14, 27)),
        ("query length", "from 36 words"): list(range(27, 40)),
        ("document length", "up to 2 words"): list(range(1, N, 2)),
        ("document length", "from 30 words"): list(range(0, N, 2)),
        ("language", "de"): list(range(20)),
        ("language", "en"): list(range(20, 40)),
        ("query topic", "tea"): list(range(0, N, 4)),
        ("query topic", "metal"): [i for i in range(N) if i % 4],
    }  # "id" makes the same parts as the length, "source" is the same for all, and a list names no group


def test_a_slice_of_few_is_left_out(data):
    for i in range(SMALLEST - 1):
        data.queries[f"q{i}"].metadata["topic"] = "rare"
    values = {part.value for part in partition(data, "test", retrieval([0.5] * N)) if part.by == "query topic"}
    assert "metal" in values
    assert "rare" not in values


def test_pairs_are_parted_by_length_and_score():
    gold = np.tile([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], 6)
    found = partition(Dataset(), "test", similarity(gold, gold))
    assert [(part.by, part.value) for part in found] == [
        ("length", "up to 13 words"), ("length", "14 to 25 words"), ("length", "from 26 words"),
        ("score", "0 to 1/3"), ("score", "1/3 to 2/3"), ("score", "2/3 to 1"),
    ]  # fmt: skip
    assert [gold[part.rows].max() for part in found[3:]] == [0.2, 0.6, 1.0]


def test_a_part_of_a_result_is_the_result_of_the_part():
    rng = np.random.default_rng(0)
    gold, cosine, rows = rng.random(30), rng.random(30), np.arange(5, 20)
    assert restrict(similarity(cosine, gold), rows).metrics == {"spearman": spearman(cosine[rows], gold[rows])}
    part = restrict(retrieval(gold), rows)
    assert part.query_ids == tuple(f"q{i}" for i in rows)
    assert part.metrics == {"ndcg@10": pytest.approx(gold[rows].mean())}


def test_each_slice_has_its_own_gain_and_a_corrected_p_value():
    rng = np.random.default_rng(1)
    base = rng.random(N)
    change = rng.normal(0, 0.05, N) + np.where(np.arange(N) < 20, -0.1, 0.1)
    tuned = retrieval(base + change)
    lost, won = slices(
        [SliceRows("language", "de", np.arange(20)), SliceRows("language", "en", np.arange(20, 40))],
        tuned,
        retrieval(base),
    )
    by_hand = compare_means(base[:20] + change[:20], base[:20])
    assert (lost.gain, *lost.interval, lost.p_value) == (by_hand.gain, by_hand.low, by_hand.high, by_hand.p_value)
    assert lost.gain == pytest.approx(change[:20].mean())
    assert lost.tuned - lost.other == pytest.approx(lost.gain)
    assert lost.p_corrected == pytest.approx(2 * lost.p_value)  # both have the smallest p-value there is
    assert (lost.worse, won.worse, lost.name, lost.n) == (True, False, "language de", 20)


def test_a_slice_without_a_metric_is_left_out():
    gold = np.r_[np.zeros(15), np.linspace(0, 1, 15)]
    tuned = similarity(np.linspace(0, 1, 30), gold)
    parts = [SliceRows("score", "low", np.arange(15)), SliceRows("score", "rest", np.arange(15, 30))]
    assert [part.value for part in slices(parts, tuned, replace(tuned))] == ["rest"]
