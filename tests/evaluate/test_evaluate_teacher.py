"""A student beside its teacher: the share kept, its interval, and speed by the clock."""

import time

import numpy as np
import pytest

from semtune.contract import Contract
from semtune.dataset import Dataset
from semtune.encoders.speed import texts_a_second
from semtune.errors import InputError
from semtune.evaluate.scores import Scores
from semtune.evaluate.student_quality import compare_with_teacher, quality_sentence, timing_texts
from semtune.types import Document, Encoded, ScoredPair


def scores(values):
    values = np.array(values, dtype=float)
    ids = tuple(f"q{i}" for i in range(len(values)))
    return Scores(
        "retrieval", "m", "f", "r", {"ndcg@10": float(values.mean())}, {"ndcg@10": values}, ids,
        run={query: {"a": 1.0, "b": 0.5} for query in ids},
    )  # fmt: skip


def test_the_share_is_of_the_means_and_the_gain_is_paired():
    teacher = scores([0.8] * 30 + [0.4] * 10)
    found = compare_with_teacher(scores([0.7] * 30 + [0.3] * 10), teacher)
    values = found.as_dict()
    assert values["kept"] == pytest.approx(0.6 / 0.7)
    assert values["gain"] == pytest.approx(-0.1)
    assert values["interval"] == pytest.approx([-0.1, -0.1])  # the same loss on each query
    assert quality_sentence(values) == (
        "85.7% of the teacher's nDCG@10 kept: 0.6000 of 0.7000, -0.100 [-0.100, -0.100] on 40 queries"
    )


def test_a_teacher_of_nothing_has_no_share():
    values = compare_with_teacher(scores([0.5]), scores([0.0])).as_dict()
    assert (values["kept"], values["interval"]) == (None, [None, None])
    assert quality_sentence(values) == "no share of the teacher's nDCG@10 kept: 0.5000 of 0.0000, +0.500 on 1 queries"


class Slow:
    """Takes a known time a text."""

    contract: Contract
    runtime = "slow"

    def __init__(self, seconds):
        self._seconds = seconds

    def encode(self, texts, role="document", progress=None):
        time.sleep(self._seconds * len(texts))
        return Encoded(np.zeros((len(texts), 1), np.float32), 0, 0)


def test_speed_is_texts_by_the_clock():
    slow, fast = texts_a_second([Slow(0.008), Slow(0.0005)], ["a"] * 16)
    assert 60 < slow <= 125  # a busy machine sleeps longer
    assert 400 < fast <= 2000
    with pytest.raises(InputError, match="no texts to measure"):
        texts_a_second([Slow(0)], [])


def test_speed_is_measured_on_texts_from_all_over_the_data():
    data = Dataset(corpus=[Document(str(i), f"text {i}") for i in range(500)])
    found = timing_texts(data)
    assert (len(found), found[0], found[-1]) == (128, "text 0", "text 381")
    assert timing_texts(Dataset(scored={"test": [ScoredPair("a", "b", 0.5)]})) == ["a"]
