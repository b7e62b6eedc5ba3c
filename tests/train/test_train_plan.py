import math

import pytest
from train_parts import retrieval_set, similarity_set

from semtune.dataset import Dataset
from semtune.errors import ConfigError, InputError
from semtune.train.planning import plan as planning
from semtune.train.planning.plan import plan
from semtune.train.settings import TrainSettings
from semtune.types import Pair, ScoredPair


def pairs(count):
    return Dataset(pairs={"train": [Pair(f"q{i}", f"d{i}") for i in range(count)]})


def test_pairs_are_ranked_and_judged_by_ndcg():
    made = plan(retrieval_set(), TrainSettings(num_train_epochs=3, per_device_train_batch_size=10, precision="fp32"))
    assert (made.shape, made.loss, made.metric) == ("pairs", "MultipleNegativesRankingLoss", "ndcg@10")
    assert (made.rows, made.dev_rows, made.batch_size, made.bf16) == (56, 24, 10, False)
    assert (made.epochs, made.steps, made.eval_steps) == (3, 3 * 6, 3)  # six batches an epoch, judged twice in each
    assert made.sentence() == (
        "56 pairs → MultipleNegativesRankingLoss, batch 10 by length without duplicates, 3 epochs = 18 steps, fp32, "
        "best checkpoint by dev ndcg@10"
    )


def test_scored_pairs_are_ordered_and_judged_by_spearman():
    made = plan(similarity_set(), TrainSettings(precision="bf16"))
    assert (made.shape, made.loss, made.metric) == ("scored pairs", "CoSENTLoss", "spearman")
    assert (made.rows, made.dev_rows, made.bf16) == (60, 30, True)


def test_without_dev_rows_nothing_is_chosen():
    made = plan(pairs(10), TrainSettings(precision="fp32"))
    assert (made.metric, made.dev_rows) == ("", 0)
    assert made.sentence().endswith("no dev split: the last step is kept")


@pytest.mark.parametrize("has", [True, False])
def test_precision_follows_the_processor_unless_said(monkeypatch, has):
    monkeypatch.setattr(planning, "has_bf16", lambda: has)
    chosen = {p: plan(pairs(4), TrainSettings(precision=p)).bf16 for p in ("auto", "bf16", "fp32")}
    assert chosen == {"auto": has, "bf16": True, "fp32": False}


def test_few_rows_make_a_small_batch():
    made = plan(pairs(5), TrainSettings(num_train_epochs=1))
    assert (made.batch_size, made.steps, made.eval_steps) == (5, 1, 1)


def test_steps_and_shares_of_epochs():
    assert plan(pairs(100), TrainSettings(num_train_epochs=0.5)).steps == 2
    assert plan(pairs(100), TrainSettings(num_train_epochs=0.01)).steps == 1
    stopped = plan(pairs(100), TrainSettings(max_steps=6))
    assert (stopped.steps, stopped.epochs) == (6, 1.5)
    assert plan(pairs(100), TrainSettings(max_steps=1)).eval_steps == 1


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_rows_are_refused(rows):
    with pytest.raises(InputError, match=rf"has {rows} training rows?; at least 2 are needed.*prepare\.json"):
        plan(pairs(rows), TrainSettings())
    scored = Dataset(scored={"train": [ScoredPair("a", "b", 0.5)] * rows})
    with pytest.raises(InputError, match="at least 2 are needed"):
        plan(scored, TrainSettings())


def test_labels_of_one_value_are_refused():
    data = Dataset(scored={"train": [ScoredPair(f"a{i}", f"b{i}", 0.5) for i in range(9)]})
    with pytest.raises(InputError, match=r"All 9 training scores are 0\.5: nothing can be learned"):
        plan(data, TrainSettings())
    data.scored["train"].append(ScoredPair("x", "y", 0.6))
    assert plan(data, TrainSettings()).loss == "CoSENTLoss"


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("num_train_epochs", 0, "greater than 0"),
        ("num_train_epochs", math.nan, "less than or equal to 100"),
        ("num_train_epochs", 101, "less than or equal to 100"),
        ("per_device_train_batch_size", 1, "greater than or equal to 2"),
        ("learning_rate", 0.0, "greater than 0"),
        ("learning_rate", math.inf, "less than 1"),
        ("warmup_steps", -0.1, "greater than or equal to 0"),
        ("eval_per_epoch", 0, "greater than or equal to 1"),
        ("max_steps", 0, r"-1 \(no limit\) or greater than 0"),
        ("max_steps", -2, r"-1 \(no limit\) or greater than 0"),
    ],
)
def test_settings_out_of_range_are_refused(name, value, allowed):
    with pytest.raises(ConfigError, match=rf"^{name}: input should be {allowed} \(found {value}\)"):
        TrainSettings().replace(**{name: value})
