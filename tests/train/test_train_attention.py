import json
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn

from semtune.encoders.torch import open_sentence_transformer
from semtune.train.cpu import attention
from semtune.train.cpu.dropout import ByteDropout, keep_mask
from semtune.train.cpu.fast_training import fast_on_cpu
from semtune.train.cpu.packing import BOUNDARIES, SHORT_TEXT, SIMILAR_LENGTH, length_groups
from semtune.train.cpu.transformers_attention import ATTENTION_NAME


def drawn(*shape, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, requires_grad=True)


@pytest.fixture
def qkv():
    torch.manual_seed(0)
    return [drawn(2, 3, 5, 4) for _ in range(3)]


def test_without_dropout_it_is_torchs_attention_and_so_are_its_gradients(qkv):
    bias = torch.zeros(2, 1, 1, 5, dtype=torch.float64)
    bias[1, ..., 3:] = -1e30
    out = torch.randn(2, 3, 5, 4, dtype=torch.float64)
    mine = attention.PaddedAttention.apply(*qkv, bias, 0.5, 0.0)
    mine.backward(out)
    gradients = [x.grad.clone() for x in qkv]
    for x in qkv:
        x.grad = None
    reference = nn.functional.scaled_dot_product_attention(*qkv, attn_mask=bias, scale=0.5)
    reference.backward(out)
    torch.testing.assert_close(mine, reference)
    for found, x in zip(gradients, qkv, strict=True):
        torch.testing.assert_close(found, x.grad)


def test_with_dropout_it_is_the_formula_with_the_same_mask(qkv):
    out = torch.randn(2, 3, 5, 4, dtype=torch.float64)
    torch.manual_seed(7)
    mine = attention.PaddedAttention.apply(*qkv, None, 0.5, 0.25)
    mine.backward(out)
    gradients = [x.grad.clone() for x in qkv]
    for x in qkv:
        x.grad = None
    torch.manual_seed(7)
    q, k, v = qkv
    weights = torch.softmax(q @ k.transpose(-1, -2) * 0.5, -1)
    reference = (weights * keep_mask(weights.shape, 0.25, torch.float64)) @ v
    reference.backward(out)
    torch.testing.assert_close(mine, reference)
    for found, x in zip(gradients, qkv, strict=True):
        torch.testing.assert_close(found, x.grad)


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_a_mask_drops_its_share_and_has_mean_one(p):
    torch.manual_seed(1)
    mask = keep_mask(torch.Size([500, 1000]), p, torch.float32).numpy()
    share = round(p * 256) / 256
    assert (mask == 0).mean() == pytest.approx(share, abs=5 * np.sqrt(share * (1 - share) / mask.size))
    assert np.unique(mask).tolist() == pytest.approx([0.0, 1 / (1 - share)])
    assert mask.mean() == pytest.approx(1.0, abs=5e-3)


def test_a_mask_follows_torchs_seed_and_moves_on():
    torch.manual_seed(3)
    first, second = (keep_mask(torch.Size([4, 64]), 0.5, torch.float32) for _ in range(2))
    torch.manual_seed(3)
    assert torch.equal(first, keep_mask(torch.Size([4, 64]), 0.5, torch.float32))
    assert not torch.equal(first, second)


def losses(model, fast):
    """Loss and gradients of one batch with padding in it, where nothing is dropped."""
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.001 if fast else 0.0  # the first takes our path, and is rounded to dropping nothing
    model.train()
    texts = [["clean the kettle", "buy a loom"], ["wipe the kettle with a damp cloth and let it dry", "ask"]]
    with fast_on_cpu(model) if fast else nullcontext():
        columns = [model.preprocess(column) for column in texts]
        assert all((BOUNDARIES in column) == fast for column in columns)
        assert model[0].auto_model.config._attn_implementation == (ATTENTION_NAME if fast else "sdpa")
        value = MultipleNegativesRankingLoss(model)(columns, None)
        value.backward()
    return value.item(), {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def test_a_model_learns_the_same_with_it(toy_model):
    stock, stock_gradients = losses(open_sentence_transformer(toy_model, "cpu"), fast=False)
    fast, fast_gradients = losses(open_sentence_transformer(toy_model, "cpu"), fast=True)
    assert fast == pytest.approx(stock, rel=1e-5)
    assert fast_gradients.keys() == stock_gradients.keys()
    for name, gradient in fast_gradients.items():
        torch.testing.assert_close(gradient, stock_gradients[name], rtol=1e-4, atol=1e-6)


def test_the_model_is_as_before_when_the_block_ends(toy_model, tmp_path):
    model = open_sentence_transformer(toy_model, "cpu")
    kinds = [type(module) for module in model.modules()]
    with fast_on_cpu(model):
        assert any(type(module) is ByteDropout for module in model.modules())
    assert [type(module) for module in model.modules()] == kinds
    model.save_pretrained(str(tmp_path / "saved"))
    assert ATTENTION_NAME not in json.dumps(json.loads((tmp_path / "saved" / "config.json").read_text()))


def test_evaluation_inside_the_block_does_not_drop(toy_model):
    model = open_sentence_transformer(toy_model, "cpu")
    before = model.encode(["clean the kettle", "buy"])
    with fast_on_cpu(model):
        model.eval()
        np.testing.assert_allclose(model.encode(["clean the kettle", "buy"]), before, atol=1e-6)


ENDS = (0, 60, 61, 101, 141, 150)


@pytest.mark.parametrize("p", [0.0, 0.25])
def test_texts_end_to_end_attend_only_to_themselves(p):
    torch.manual_seed(0)
    qkv = [drawn(3, ENDS[-1], 4) for _ in range(3)]
    out = torch.randn(ENDS[-1], 3, 4, dtype=torch.float64)
    torch.manual_seed(7)
    mine = attention.PackedAttention.apply(*qkv, ENDS, 0.5, p)
    mine.backward(out)
    gradients = [x.grad.clone() for x in qkv]
    for x in qkv:
        x.grad = None
    torch.manual_seed(7)
    reference = torch.zeros_like(out)
    q, k, v = (x.transpose(0, 1) for x in qkv)
    for at, real in length_groups(ENDS):
        parts = [x[at].transpose(1, 2) for x in (q, k, v)]
        scores = parts[0] @ parts[1].transpose(-1, -2) * 0.5
        if real is not None:
            scores = scores.masked_fill(~real[:, None, None, :], -torch.inf)
        weights = torch.softmax(scores, -1)
        weights = weights * keep_mask(weights.shape, p, torch.float64) if p else weights
        made = (weights @ parts[2]).transpose(1, 2)
        keep = torch.ones(at.shape, dtype=torch.bool) if real is None else real
        reference = reference.index_put((at[keep],), made[keep])
    reference.backward(out)
    torch.testing.assert_close(mine, reference)
    for found, x in zip(gradients, qkv, strict=True):
        torch.testing.assert_close(found, x.grad)


def test_groups_hold_every_token_once_and_texts_of_like_length():
    held = []
    for at, real in length_groups(ENDS):
        tokens = at.flatten() if real is None else at[real]
        held += tokens.tolist()
        sizes = [at.shape[1]] * len(at) if real is None else real.sum(1).tolist()
        assert max(sizes) <= SHORT_TEXT or min(sizes) >= SIMILAR_LENGTH * max(sizes)
    assert sorted(held) == list(range(ENDS[-1]))


def test_a_model_that_cannot_do_without_padding_keeps_it(toy_model):
    model = open_sentence_transformer(toy_model, "cpu")
    model[0].config.sliding_window = 4
    with fast_on_cpu(model):
        assert BOUNDARIES not in model.preprocess(["clean", "buy a loom"])
    del model[0].config.sliding_window
    with fast_on_cpu(model, pack=False):
        assert BOUNDARIES not in model.preprocess(["clean", "buy a loom"])
    assert not model[0].can_flatten_inputs


def backbone(kind, toy_model):
    """The toy model's tokenizer with another kind of transformer, its weights drawn."""
    from transformers import AutoConfig, AutoModel

    model = open_sentence_transformer(toy_model, "cpu")
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 2, "intermediate_size": 32}
    if kind == "distilbert":
        sizes = {"dim": 16, "n_heads": 2, "n_layers": 2, "hidden_dim": 32}
    words = {"vocab_size": len(model.tokenizer), "pad_token_id": model.tokenizer.pad_token_id}
    torch.manual_seed(0)
    model[0].model = AutoModel.from_config(AutoConfig.for_model(kind, **words, **sizes)).eval()
    if kind == "mpnet":
        model[0].model.embeddings.padding_idx = model.tokenizer.pad_token_id  # its own vocabulary has 1 there
    return model


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta", "electra", "distilbert", "mpnet"])
def test_backbones_are_packed_and_give_the_same(kind, toy_model):
    model = backbone(kind, toy_model)
    texts = ["clean the kettle", "wipe the kettle with a damp cloth and let it dry", "buy a loom"]
    before = model.encode(texts)
    with fast_on_cpu(model):
        assert BOUNDARIES in model.preprocess(texts)
        np.testing.assert_allclose(model.encode(texts), before, atol=1e-5)
    np.testing.assert_allclose(model.encode(texts), before, atol=1e-5)


@pytest.mark.parametrize("pack", [True, False])
def test_mpnet_learns_the_same_with_it(toy_model, pack):
    texts = ["clean the kettle", "wipe the kettle with a damp cloth and let it dry, as often as you can, " * 5, "buy"]
    found = []
    for fast in (False, True):
        model = backbone("mpnet", toy_model)
        with torch.no_grad():
            model[0].model.encoder.relative_attention_bias.weight.mul_(50)  # so that it matters
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        model.train()
        with fast_on_cpu(model, pack=pack) if fast else nullcontext():
            columns = model.preprocess(texts)
            assert (BOUNDARIES in columns) == (fast and pack)
            made = model(columns)["sentence_embedding"]
        (made[0] @ made[1] + made[1] @ made[2]).backward()
        found.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    assert found[0].keys() == found[1].keys()
    assert found[0]["0.model.encoder.relative_attention_bias.weight"].abs().max() > 1e-4
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, rtol=1e-3, atol=1e-6, msg=name)


def test_mpnet_drops_and_is_as_before_when_the_block_ends(toy_model):
    model = backbone("mpnet", toy_model)
    transformer = model[0].auto_model
    before = {name for module in transformer.modules() for name in vars(module)}
    with fast_on_cpu(model):
        model.train()
        one, two = (model(model.preprocess(["clean the kettle", "buy"]))["sentence_embedding"] for _ in range(2))
        assert not torch.allclose(one, two)
    assert {name for module in transformer.modules() for name in vars(module)} == before
    assert transformer.config._attn_implementation == "eager"
