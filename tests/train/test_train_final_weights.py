"""Which weights are kept: the mix is weight by weight, the choice is made by hand-worked tables."""

import math

import numpy as np
import pytest
import torch
from train_parts import retrieval_set, similarity_set

from semtune import contract as contracts
from semtune.encoders.torch import open_sentence_transformer
from semtune.train.final_model.final_weights import choose_final_weights, snapshot, why_keep_base
from semtune.train.final_model.forgetting_floor import MixResult, choose_mix, mix_weights
from semtune.train.monitor.dev_metric import DevEvaluator, DevResult
from semtune.train.monitor.dev_retrieval import RetrievalMeasure
from semtune.train.monitor.dev_similarity import SimilarityMeasure

NAN = float("nan")


def table(rows):
    """Share → (dev, floor)."""
    return lambda share: MixResult(share, *rows[share])


FORGETS = {
    0.0: (0.50, 0.80),
    0.2: (0.55, 0.80),
    0.4: (0.62, 0.795),
    0.6: (0.66, 0.78),
    0.8: (0.68, 0.75),
    1.0: (0.7, 0.6),
}


@pytest.mark.parametrize(
    ("rows", "max_drop", "share", "measured"),
    [
        (FORGETS, 0.25, 1.0, 2),  # the tuned model keeps the floor: nothing is mixed
        (FORGETS, 0.01, 0.4, 6),
        (FORGETS, 0.03, 0.6, 6),
        (FORGETS | {0.4: (0.49, 0.9), 0.2: (0.5, 0.9)}, 0.01, 0.0, 6),  # what keeps the floor gains nothing
        ({share: (NAN, floor) for share, (_, floor) in FORGETS.items()}, 0.01, 0.4, 6),  # no dev: as much as may be
        ({share: (dev, NAN) for share, (dev, _) in FORGETS.items()}, 0.5, 0.0, 6),
    ],
)  # fmt: skip
def test_the_mix_that_gains_most_and_keeps_the_floor_is_chosen(rows, max_drop, share, measured):
    held = choose_mix(table(rows), "spearman", max_drop)
    assert (held.share, len(held.points), held.kept) == (share, measured, share == 1.0)
    assert [point.share for point in held.points] == sorted(point.share for point in held.points)
    assert all(value is None or math.isfinite(value) for point in held.as_dict()["points"] for value in point.values())


def test_a_floor_is_told_in_words():
    assert choose_mix(table(FORGETS), "spearman", 0.01).sentence() == (
        "spearman on the floor set went from 0.8000 to 0.6000 (-0.2000); a drop of up to 0.01 is "
        "allowed. Weights of 40% tuned and 60% base reach 0.7950."
    )


def test_weights_are_mixed_and_counters_are_not():
    base = {"w": torch.tensor([0.0, 2.0]), "n": torch.tensor([1])}
    tuned = {"w": torch.tensor([1.0, 4.0]), "n": torch.tensor([7])}
    made = mix_weights(base, tuned, 0.25)
    assert (made["w"].tolist(), made["n"].tolist()) == ([0.25, 2.5], [7])
    assert torch.equal(mix_weights(base, tuned, 0.0)["w"], base["w"])
    assert torch.equal(mix_weights(base, tuned, 1.0)["w"], tuned["w"])


def measured(*each):
    return DevResult("ndcg@10", float(np.mean(each)), np.array(each), None, np.eye(2))


@pytest.mark.parametrize(
    ("after", "loss_fell", "why"),
    [
        ((0.5, 0.5, 0.5, 0.5), True, "no gain. 4 dev items are too few"),
        ((0.4, 0.5, 0.5, 0.5), True, "no gain"),
        ((0.7, 0.7, 0.7, 0.6), False, ""),  # far more than its error
        ((1.0, 0.3, 0.5, 0.5), True, ""),  # within its error, and the loss agrees
        ((1.0, 0.3, 0.5, 0.5), False, "within its standard error of 0.1493, and the dev loss did not fall"),
        ((math.nan,) * 4, True, "no gain"),
    ],
)
def test_the_base_is_kept_unless_a_gain_can_be_believed(after, loss_fell, why):
    found = why_keep_base(measured(*after), measured(0.5, 0.5, 0.5, 0.5), loss_fell)
    assert (why in found) if why else found == ""


@pytest.fixture
def models(toy_model):
    """The base's weights, a model moved away from it, and measures begun on the base."""
    model = open_sentence_transformer(toy_model, "cpu")
    base, contract = snapshot(model), contracts.load(toy_model)
    dev = DevEvaluator(RetrievalMeasure(retrieval_set(), contract, bf16=False, max_passages=500, seed=0))
    dev.begin(model)
    return model, base, dev, SimilarityMeasure(similarity_set(), contract, bf16=False)


def same(model, state):
    return all(torch.equal(weight, state[name]) for name, weight in model.state_dict().items())


def test_a_worse_model_is_replaced_by_the_base(models):
    model, base, dev, floor = models
    with torch.no_grad():
        model[0].auto_model.embeddings.word_embeddings.weight.mul_(0.01)
    made = choose_final_weights(model, base, dev, floor, 0.01, loss_fell=True, step=7, seed=0)
    assert (made.kept, made.share, made.gain.gain < 0) == ("base", 0.0, True)
    assert same(model, base)
    assert made.findings[0].line().startswith("keep the base: dev ndcg@10 is ")


def test_a_model_that_forgets_is_mixed_with_the_base_and_the_chosen_mix_is_in_it(models):
    model, base, _, floor = models
    words = model[0].auto_model.embeddings.word_embeddings.weight
    with torch.no_grad():
        words.add_(torch.randn(words.shape, generator=torch.Generator().manual_seed(0)), alpha=3.0)
    tuned = snapshot(model)
    made = choose_final_weights(model, base, None, floor, 0.05, loss_fell=True, step=7, seed=0)
    assert (made.kept, made.share in {0.2, 0.4, 0.6, 0.8}) == ("mix", True)
    assert same(model, mix_weights(base, tuned, made.share))
    assert floor(model).value == made.floor.at(made.share).floor >= made.floor.at(0.0).floor - 0.05
    assert made.floor.at(1.0).floor < made.floor.at(0.0).floor - 0.05
