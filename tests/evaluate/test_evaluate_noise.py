"""A false improvement: noise on one model is no gain, whatever the seed; and a model that noise ruined is worse."""

import csv
from itertools import pairwise

import numpy as np
import pytest

from semtune.dataset import Dataset
from semtune.encoders.toy import ToyEncoder
from semtune.evaluate.scores import score
from semtune.evaluate.verdict.rule import judge
from semtune.types import Document, Encoded, Query, ScoredPair

SEEDS = 20


class Noisy(ToyEncoder):
    """The toy model with noise on its vectors, which have length 1."""

    def __init__(self, seed, size):
        super().__init__()
        self._noise, self._size = np.random.default_rng(seed), size

    def encode(self, texts, role="document", progress=None):
        made = super().encode(texts, role, progress)
        noise = self._noise.normal(0, self._size / np.sqrt(made.vectors.shape[1]), made.vectors.shape)
        return Encoded((made.vectors + noise).astype(np.float32), made.tokens, made.truncated)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(80)]
    corpus = [Document(f"d{i}", " ".join(rng.choice(words, 8))) for i in range(200)]
    queries = {
        f"q{i}": Query(f"q{i}", " ".join([*corpus[i].text.split()[:2], *rng.choice(words, 2)])) for i in range(150)
    }
    return Dataset(corpus=corpus, queries=queries, qrels={"test": {f"q{i}": {f"d{i}": 1} for i in range(150)}})


@pytest.mark.parametrize("size", [pytest.param(0.001, marks=pytest.mark.slow), 0.3])
def test_two_copies_with_noise_on_their_vectors(data, size):
    copies = [score(Noisy(seed, size), data) for seed in range(SEEDS + 1)]
    words = [judge(one, other).verdict for one, other in pairwise(copies)]
    assert words.count("cannot-judge") >= 19


def test_a_model_that_noise_ruined_is_worse_and_the_whole_one_better(data):
    whole, ruined = score(ToyEncoder(), data), score(Noisy(0, 2.0), data)
    assert judge(whole, ruined).verdict == "ship"
    assert judge(ruined, whole).verdict == "do-not-ship"


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.model
@pytest.mark.timeout(900)
def test_two_copies_of_a_real_model_with_noise_on_their_weights(real_data):
    import torch

    from semtune.encoders.torch import TorchEncoder
    from semtune.hub import resolve_model

    with (real_data / "stsb" / "stsb-en-test.csv").open(encoding="utf-8", newline="") as rows:
        pairs = [ScoredPair(one, other, float(gold) / 5) for one, other, gold in csv.reader(rows)][::7]

    def measured(seed, size):
        encoder = TorchEncoder.load(resolve_model("all-MiniLM-L6-v2"))
        drawn = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for weight in encoder._model.parameters():
                if weight.ndim > 1:
                    weight.add_(torch.randn(weight.shape, generator=drawn) * size * weight.std())
        return score(encoder, Dataset(scored={"test": pairs}))

    copies = [measured(seed, 0.03) for seed in range(SEEDS + 1)]
    words = [judge(one, other).verdict for one, other in pairwise(copies)]
    assert words.count("cannot-judge") >= 19
    assert judge(copies[0], measured(0, 0.5)).verdict == "ship"
