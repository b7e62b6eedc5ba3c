"""Adapters, frozen layers and rates by layer."""

import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file
from sentence_transformers import SentenceTransformer
from train_parts import SETTINGS, fit, retrieval_set

from semtune.errors import ConfigError
from semtune.train.trainer.checkpoints import newest_complete
from semtune.train.trainer.layer_training import layer_learning_rates, layer_of

SHORT = SETTINGS.replace(max_steps=4)
TEXTS = ["mend the kettle", "a dry cupboard", "the lid of the pot"]


def weights(folder):
    return load_file(folder / "model.safetensors")


def test_an_adapter_is_trained_merged_and_kept(toy_model, tmp_path):
    made = fit(retrieval_set(), toy_model, tmp_path, SHORT.replace(lora_rank=4))
    assert any("adapters of rank 4" in reason for reason in made.plan.reasons)
    merged = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    assert not any("lora" in name for name in merged.state_dict())
    base = SentenceTransformer(str(toy_model), device="cpu")
    assert np.abs(merged.encode(TEXTS) - base.encode(TEXTS)).max() > 0.01
    base.load_adapter(str(tmp_path / "model" / "adapter"))
    np.testing.assert_allclose(base.encode(TEXTS), merged.encode(TEXTS), atol=1e-5)
    old, new = weights(toy_model), weights(tmp_path / "model")
    changed = {name for name in old if not np.array_equal(old[name], new[name])}
    assert changed
    assert all("layer" in name and name.endswith("weight") for name in changed)  # linear layers, and nothing else
    rank = np.linalg.matrix_rank(new[min(changed)] - old[min(changed)], tol=1e-5)
    assert 1 <= rank <= 4


@pytest.mark.slow
def test_a_killed_adapter_training_ends_as_an_uninterrupted_one(toy_model, tmp_path):
    data, wanted = retrieval_set(), SETTINGS.replace(lora_rank=4)
    whole = fit(data, toy_model, tmp_path / "whole", wanted)
    fit(data, toy_model, tmp_path / "cut", wanted)
    checkpoints = tmp_path / "cut" / "work" / "checkpoints"
    newest = newest_complete(checkpoints)
    assert newest is not None
    others = sorted(checkpoints.glob("checkpoint-*"), key=lambda p: int(p.name.rsplit("-")[-1]))
    assert len(others) == 2
    shutil.rmtree(others[-1])  # as if it had been killed before its last part
    shutil.rmtree(tmp_path / "cut" / "model")
    again = fit(data, toy_model, tmp_path / "cut", wanted)
    assert again.contract.weights_sha256 == whole.contract.weights_sha256


def test_frozen_layers_stay(toy_model, tmp_path):
    fit(retrieval_set(), toy_model, tmp_path, SHORT.replace(freeze_layers=1))
    old, new = weights(toy_model), weights(tmp_path / "model")
    for name in old:
        same = np.array_equal(old[name], new[name])
        if layer_of(name) in {-1, 0}:
            assert same, name
        elif layer_of(name) is not None and name.endswith("dense.weight"):
            assert not same, name


def test_rates_fall_towards_the_input(toy_model, tmp_path):
    model = SentenceTransformer(str(toy_model), device="cpu")
    made = layer_learning_rates(model, 0.5, 0.02)
    layers = {
        layer: rate for pattern, rate in made.items() if (layer := layer_of(pattern.replace("\\", ""))) is not None
    }
    top = max(layers)
    assert layers[top] == 0.02
    assert all(layers[n] == 0.02 * 0.5 ** (top - n) for n in range(-1, top))
    assert layer_learning_rates(model, 1.0, 0.02) == {}
    lasting = fit(retrieval_set(), toy_model, tmp_path, SHORT.replace(layer_lr_decay=0.5))
    assert lasting.best is not None


@pytest.mark.parametrize(("settings", "words"), [
    ({"freeze_layers": 99}, "nothing would be left to train. Allowed: 0 to"),
    ({"lora_rank": 4, "lora_targets": ["nothing_of_that_name"]}, "takes no adapter"),
])  # fmt: skip
def test_what_cannot_be_trained_is_refused(toy_model, tmp_path, settings, words):
    with pytest.raises(ConfigError, match=words):
        fit(retrieval_set(), toy_model, tmp_path, SHORT.replace(**settings))
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(("name", "layer"), [
    ("0.model.encoder.layer.11.output.dense.weight", 11), ("0.model.embeddings.word_embeddings.weight", -1),
    ("0.model.layers.3.mlp.Wi.weight", 3), ("0.model.transformer.layer.2.ffn.lin1.bias", 2), ("2.linear.weight", None),
])  # fmt: skip
def test_layers_by_name(name, layer):
    assert layer_of(name) == layer


@pytest.mark.slow
def test_tensorboard_gets_the_log(toy_model, tmp_path, monkeypatch):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.chdir(tmp_path)
    made = fit(retrieval_set(), toy_model, tmp_path, SHORT.replace(report_to=("tensorboard",)))
    found = [path.parent for path in tmp_path.rglob("events.out.tfevents*")]
    assert found
    events = EventAccumulator(str(found[0]))
    events.Reload()
    losses = [event.value for event in events.Scalars("train/loss")]
    assert losses == pytest.approx([row["loss"] for row in made.log if "loss" in row], rel=1e-5)
