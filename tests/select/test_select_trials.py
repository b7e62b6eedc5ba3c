"""The tools that a choice is handed: they judge as `evaluate` does, train without dev, and serve what is asked for."""

import numpy as np
import pytest

from select_parts import retrieval_set, scored_set
from semtune.dataset import Dataset
from semtune.encoders.toy import ToyEncoder
from semtune.errors import InputError, ModelError
from semtune.evaluate.scores import score
from semtune.evaluate.verdict.differences import compare_scores
from semtune.progress import QUIET
from semtune.select.sample import dev_part
from semtune.select.settings import SelectSettings
from semtune.select.workbench import SAMPLES, CandidateEvaluator, workbench
from semtune.testing.toy_model import write_toy_model
from semtune.train.settings import TrainSettings
from semtune.types import LabelledPair


def labelled_set():
    rows = [
        LabelledPair(pair.sentence1, pair.sentence2, str(int(pair.score > 0.3))) for pair in scored_set().scored["dev"]
    ]
    return Dataset(labelled_pairs={"dev": rows})


@pytest.mark.parametrize(
    ("data", "metric", "unit", "n"),
    [
        (retrieval_set(), "ndcg@10", "queries", 24),
        pytest.param(scored_set(), "spearman", "pairs", 30, marks=pytest.mark.slow),
        (labelled_set(), "ap", "pairs", 30),
    ],
)
def test_dev_is_judged_as_evaluate_judges(data, metric, unit, n):
    part = dev_part(data, 100, 100, 0)
    evaluator = CandidateEvaluator(part, seed=5)
    one, two = ToyEncoder(), ToyEncoder(dimension=8)
    a, b = evaluator(one), evaluator(two)
    assert (evaluator.metric, evaluator.unit, evaluator.n) == (metric, unit, n)
    assert a.value == score(one, part, "dev").metrics[metric]
    assert a.low <= a.value <= a.high
    expected = compare_scores(score(one, part, "dev"), score(two, part, "dev"), 5)
    found = evaluator.gain(a, b)
    assert found.gain == pytest.approx(expected.gain)
    np.testing.assert_allclose((found.low, found.high), (expected.low, expected.high), atol=0.04)  # fewer samples
    assert SAMPLES < 2_000


def bench(data, place, runtime="auto"):
    part, settings = dev_part(data, 100, 100, 0), SelectSettings(runtime=runtime)
    return workbench(data, part, TrainSettings(per_device_train_batch_size=8), settings, 13, place, QUIET)


def test_a_trial_sees_neither_dev_nor_test(tmp_path):
    kept = bench(retrieval_set(), tmp_path).dataset
    assert (kept.qrels, list(kept.pairs), len(kept.pairs["train"])) == ({}, ["train"], 56)


def test_weights_that_are_cut_off_are_told_in_words(tmp_path):
    broken = write_toy_model(tmp_path / "m")
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-50])
    with pytest.raises(ModelError, match="sentence-transformers cannot open"):
        bench(retrieval_set(), tmp_path).open(broken)


def test_where_no_graph_can_be_made_speed_is_measured_on_torch_unless_a_graph_was_asked_for(
    tmp_path, toy_model, monkeypatch
):
    def refuse(*_args, **_kwargs):
        raise ModelError("no graph of this kind")

    monkeypatch.setattr("semtune.export.build.export_model", refuse)
    assert bench(retrieval_set(), tmp_path).serve(toy_model)().runtime == "torch-fp32"
    with pytest.raises(ModelError, match="no graph of this kind"):
        bench(retrieval_set(), tmp_path, "onnx").serve(toy_model)


@pytest.mark.slow
def test_speed_is_measured_on_a_graph_that_is_made_where_it_is_asked_for(tmp_path, toy_model):
    made = bench(retrieval_set(), tmp_path).serve(toy_model)()
    assert made.runtime == "onnx-fp32"
    np.testing.assert_allclose(
        made.encode(["kettle"]).vectors,
        bench(retrieval_set(), tmp_path, "torch").serve(toy_model)().encode(["kettle"]).vectors,
        atol=1e-5,
    )
    assert not (toy_model / "onnx").exists()


def test_one_dev_query_is_too_few(tmp_path):
    data = retrieval_set()
    query = next(iter(data.qrels["dev"]))
    data.qrels["dev"] = {query: data.qrels["dev"][query]}
    with pytest.raises(InputError, match="The dev split has only one query or pair"):
        workbench(data, data, TrainSettings(), SelectSettings(), 13, tmp_path, QUIET)


def test_another_guide_under_the_same_name_is_another_training(tmp_path):
    data, guide = retrieval_set(), tmp_path / "guide"
    wanted = TrainSettings(loss="GISTEmbedLoss", guide=str(guide))

    def training(seed):
        write_toy_model(guide, ["some words"], seed=seed)
        return workbench(data, data, wanted, SelectSettings(), 13, tmp_path, QUIET).training

    assert training(1) == training(1)
    assert training(1) != training(2)
