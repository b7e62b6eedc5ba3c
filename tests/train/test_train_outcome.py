"""What a training ends with: the doctor's findings, the base where nothing was gained, a mix to keep the floor."""

import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file
from train_parts import SETTINGS, fit, retrieval_set, similarity_set

from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.io import read_json
from semtune.train.final_model.forgetting_floor import FloorSet
from semtune.types import Pair

TOO_HIGH = SETTINGS.replace(num_train_epochs=8, learning_rate=0.5, early_stopping_patience=2)


def weights(folder):
    return load_file(folder / "model.safetensors")


def same(one, two):
    return all(np.array_equal(one[name], two[name]) for name in two)


@pytest.fixture(scope="module")
def broken(toy_model, tmp_path_factory):
    """A training at a learning rate that destroys the model."""
    place = tmp_path_factory.mktemp("kept") / "broken"
    return place, fit(retrieval_set(), toy_model, place, TOO_HIGH)


def test_a_training_without_a_gain_keeps_the_base_and_says_why(broken, toy_model):
    place, made = broken
    assert same(weights(place / "model"), weights(toy_model))
    assert (made.final.kept, made.best < made.start) == ("base", True)
    kinds = [finding.kind for finding in made.findings]
    assert kinds[0] == "keep the base"
    assert {"collapse", "learning rate too high", "stopped early"} <= set(kinds)
    told = read_json(place / "work" / "doctor.json")
    assert (told["kept"], [f["kind"] for f in told["findings"]]) == ("base", kinds)
    card = (place / "model" / "README.md").read_text()
    assert "- kept: the base's weights: the base is kept" in card
    assert "- learning rate too high: dev ndcg@10 fell from " in card


def test_it_stopped_after_two_measurements_without_a_gain(broken):
    made = broken[1]
    assert [row["step"] for row in made.log if "dev_ndcg@10" in row] == [0, 4, 8]
    assert made.plan.steps == 56
    assert made.log[-1]["step"] == 8


@pytest.mark.slow
def test_a_killed_training_stops_where_an_uninterrupted_one_does(broken, toy_model, tmp_path):
    place, want = broken
    shutil.copytree(place / "work", tmp_path / "work")
    shutil.rmtree(tmp_path / "work" / "checkpoints" / "checkpoint-8")  # killed after step 4
    made = fit(retrieval_set(), toy_model, tmp_path, TOO_HIGH)
    assert [row for row in made.log if "dev_ndcg@10" in row] == [row for row in want.log if "dev_ndcg@10" in row]
    assert made.final == want.final


def test_a_gain_keeps_the_tuned_weights(tuned, toy_model):
    place, made = tuned
    assert (made.final.kept, made.final.gain.gain) == ("tuned", pytest.approx(made.best - made.start))
    assert not same(weights(place / "model"), weights(toy_model))


@pytest.mark.parametrize(
    ("max_drop", "kept"), [pytest.param(1.0, {"tuned"}, marks=pytest.mark.slow), (0.0, {"mix", "base"})]
)
def test_what_the_floor_allows_is_kept(toy_model, tmp_path, max_drop, kept):
    floor = FloorSet(Dataset(scored={"test": similarity_set().scored["dev"]}), max_drop)
    made = fit(retrieval_set(), toy_model, tmp_path, SETTINGS.replace(early_stopping_patience=None), floor=floor)
    held = made.final.floor
    assert made.final.kept in kept
    assert held.at(held.share).floor >= held.at(0.0).floor - max_drop
    assert held.at(0.0).floor == pytest.approx(made.log[0]["dev_floor"])
    assert [finding.kind for finding in made.findings].count("forgetting") == (max_drop == 0.0)
    base, mix = weights(toy_model), weights(tmp_path / "model")
    assert same(mix, base) == (held.share == 0.0)


def test_a_floor_without_judgements_is_refused():
    with pytest.raises(InputError, match=r"train\.floor\.data has nothing to measure"):
        _ = FloorSet(Dataset(pairs={"train": [Pair("a", "b")]}), 0.01).split
