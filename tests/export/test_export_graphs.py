"""The graphs equal torch, for every length, in any batch."""

import numpy as np
import pytest
import torch

from model_variants import VARIANTS, WORDS
from semtune.encoders.onnx import OnnxRunner
from semtune.encoders.torch import open_sentence_transformer
from semtune.export.build import FILES
from semtune.export.torchscript import TorchScriptRunner

TEXTS = [" ".join(WORDS[start : start + n]) for start, n in enumerate((0, 1, 2, 7, 20, 44, 100, 300))]


@pytest.fixture(scope="module")
def reference(exported):
    """Token ids of `TEXTS` and torch's vectors, each text alone and not padded."""

    def get(name):
        variant = exported(name)
        model = open_sentence_transformer(variant.source, "cpu").eval()
        limit = variant.contract.max_length
        ids = [model.tokenizer(text, truncation=True, max_length=limit)["input_ids"] for text in TEXTS]
        rows = []
        for tokens in ids:
            features = {"input_ids": torch.tensor([tokens]), "attention_mask": torch.ones(1, len(tokens)).long()}
            if name != "roberta":
                features["token_type_ids"] = torch.zeros_like(features["input_ids"])
            with torch.inference_mode():
                rows.append(model(features)["sentence_embedding"][0].numpy())
        vectors = np.array(rows)
        if variant.contract.similarity == "cosine":
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return ids, vectors

    return get


def runner(variant, kind):
    path = variant.folder / FILES[kind]
    if kind == "onnx":
        return OnnxRunner(path)
    script = TorchScriptRunner(path)
    return lambda ids: script(ids, variant.name != "roberta")


@pytest.mark.parametrize("kind", ["onnx", "torchscript"])
@pytest.mark.parametrize("name", VARIANTS)
def test_a_graph_equals_torch_alone_and_padded(exported, reference, name, kind):
    ids, want = reference(name)
    graph = runner(exported(name), kind)
    alone = np.concatenate([graph([tokens]) for tokens in ids])
    np.testing.assert_allclose(alone, want, atol=1e-5)
    np.testing.assert_allclose(graph(ids), want, atol=1e-5)  # one batch, padded to the longest
    np.testing.assert_allclose(graph(ids[::-1]), want[::-1], atol=1e-5)
    assert len({tokens[1] for tokens in ids}) > 3
    assert np.abs(want[3] - want[4]).max() > 0.01  # the texts are not all one to the model


def test_lengths_of_vectors_are_kept_where_the_inner_product_compares(exported, reference):
    _, want = reference("cls")
    norms = np.linalg.norm(want, axis=1)
    assert norms.min() > 2
    assert exported("cls").contract.normalize is False
    _, units = reference("roberta")
    np.testing.assert_allclose(np.linalg.norm(units, axis=1), 1, atol=1e-6)
    assert exported("roberta").contract.normalize is True
