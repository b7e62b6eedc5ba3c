"""Faster training on a processor: our attention, dropout and packing in a model while a block runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from torch import nn

from semtune.train.cpu.dropout import ByteDropout
from semtune.train.cpu.mpnet import relative_attention
from semtune.train.cpu.packing import packed
from semtune.train.cpu.transformers_attention import ATTENTION_NAME, attend

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


@contextmanager
def fast_on_cpu(model: SentenceTransformer, *, pack: bool = True) -> Iterator[None]:
    """Give `model` our attention, dropout and packing while the block runs; on a GPU nothing is changed.

    Args:
        model: any; parts that do not fit stay as they are.
        pack: read batches without padding, where the model can. Not for losses that read the tokens themselves.
    """
    if model.device.type != "cpu":
        yield
        return
    transformer = getattr(model[0], "auto_model", None) or getattr(model[0], "model", None)
    with ExitStack() as stack:
        stack.enter_context(_dropout(model))
        switched = stack.enter_context(_attention(transformer))
        if switched and pack:
            stack.enter_context(packed(model))
        yield


@contextmanager
def _dropout(model: SentenceTransformer) -> Iterator[None]:
    plain = [(parent, name, child) for parent in model.modules() for name, child in parent.named_children()]
    plain = [(parent, name, child) for parent, name, child in plain if type(child) is nn.Dropout]
    for parent, name, child in plain:
        setattr(parent, name, ByteDropout(child.p).train(child.training))
    try:
        yield
    finally:
        for parent, name, child in plain:
            setattr(parent, name, child.train(parent.training))


@contextmanager
def _attention(transformer: Any) -> Iterator[bool]:
    """Change the attention of a transformers model; yields whether that was possible."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(ATTENTION_NAME, attend)
    AttentionMaskInterface.register(ATTENTION_NAME, sdpa_mask)
    config = getattr(transformer, "config", None)
    if getattr(config, "model_type", "") == "mpnet":
        with relative_attention(transformer) as changed:
            yield changed
        return
    before = getattr(config, "_attn_implementation", "")
    # A model set to eager attention has a reason for it.
    changed = before in {"sdpa", ATTENTION_NAME} and _switch(transformer, ATTENTION_NAME)
    try:
        yield changed
    finally:
        if changed:
            _switch(transformer, before)


def _switch(transformer: Any, implementation: str) -> bool:
    try:
        transformer.set_attn_implementation(implementation)
    except (ValueError, AttributeError):
        return False
    return True
