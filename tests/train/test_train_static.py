"""A static backbone (a table of token vectors) is trained on whole texts, or on texts cut where asked."""

import json

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding
from tokenizers import Tokenizer
from train_parts import SETTINGS, fit, retrieval_set

from semtune import contract as contracts
from semtune.contract import NO_LIMIT
from semtune.dataset import Dataset
from semtune.types import Pair

SHORT = SETTINGS.replace(max_steps=4)


def write_static(folder, toy_model, limit=None):
    """A random table over the toy model's vocabulary; `limit`: where its tokenizer cuts texts."""
    tokenizer = Tokenizer.from_file(str(toy_model / "tokenizer.json"))
    tokenizer.no_truncation()
    if limit:
        tokenizer.enable_truncation(limit)
    rows = np.random.default_rng(0).normal(size=(tokenizer.get_vocab_size(), 16)).astype(np.float32)
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, rows), Normalize()]).save_pretrained(str(folder))
    return folder


def truncation(folder):
    place = contracts.static_folder(folder)
    return (json.loads((place / "tokenizer.json").read_text())["truncation"] or {}).get("max_length")


def long_pairs():
    """Pairs that differ only after the twentieth token."""
    text = " ".join(["kettle"] * 20)
    words = ["violin", "loom", "barrel", "anvil", "kiln", "lathe", "cupboard", "lid"]
    return Dataset(pairs={"train": [Pair(f"{text} {word}", f"{text} {word} dry") for word in words]})


def test_texts_are_read_whole_and_the_plan_names_no_limit(toy_model, tmp_path):
    base = write_static(tmp_path / "base", toy_model)
    made = fit(retrieval_set(), base, tmp_path, SETTINGS)
    assert made.plan.max_length == 0
    assert made.plan.memory_mb > 0  # the lengths of the texts are known
    assert not [reason for reason in made.plan.reasons if reason.startswith("length")]
    assert made.best > made.start
    assert (made.contract.max_length, made.contract.passage_length) == (NO_LIMIT, 256)
    assert truncation(tmp_path / "model") is None
    card = (tmp_path / "model" / "README.md").read_text()
    assert "- 16 dimensions, texts of any length, static pooling" in card


@pytest.mark.parametrize("limit", [pytest.param(None, marks=pytest.mark.slow), 60])
def test_a_length_that_is_asked_for_cuts_in_training_only(toy_model, tmp_path, limit):
    base = write_static(tmp_path / "base", toy_model, limit)
    cut = fit(long_pairs(), base, tmp_path / "cut", SHORT.replace(max_length=10))
    whole = fit(long_pairs(), base, tmp_path / "whole", SHORT)
    assert (cut.plan.max_length, whole.plan.max_length) == (10, limit or 0)
    assert any(reason.startswith("length: 100% of the texts are longer than 10 tokens") for reason in cut.plan.reasons)
    start, one, two = (
        SentenceTransformer(str(folder), device="cpu")[0].embedding.weight.detach().numpy()
        for folder in (base, tmp_path / "cut" / "model", tmp_path / "whole" / "model")
    )
    changed = {name: int((rows != start).any(axis=1).sum()) for name, rows in (("cut", one), ("whole", two))}
    assert changed["cut"] <= 1 < changed["whole"]  # "kettle" is all that is left of the texts
    assert truncation(tmp_path / "cut" / "model") == truncation(tmp_path / "whole" / "model") == limit
