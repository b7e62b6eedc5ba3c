"""A model's attention and dropout changed for training on a processor, and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from torch import nn

from semtune.train.cpu.attention import NAME, Dropout, attend
from semtune.train.cpu.mpnet import relative_attention
from semtune.train.cpu.packing import packed

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


@contextmanager
def fast_on_cpu(model: SentenceTransformer, *, pack: bool = True) -> Iterator[None]:
    """Train `model` with `semtune.train.cpu.attention` while the block runs; on a GPU nothing is changed.

    Args:
        model: any; what does not fit stays as it is.
        pack: read batches without padding, where the model can. Not for losses that read a column's tokens.
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
        setattr(parent, name, Dropout(child.p).train(child.training))
    try:
        yield
    finally:
        for parent, name, child in plain:
            setattr(parent, name, child.train(parent.training))


@contextmanager
def _attention(transformer: Any) -> Iterator[bool]:
    """Change the attention of a transformers model; yields whether it could be."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    config = getattr(transformer, "config", None)
    if getattr(config, "model_type", "") == "mpnet":
        with relative_attention(transformer) as changed:
            yield changed
        return
    before = getattr(config, "_attn_implementation", "")
    # Eager models keep a reason of their own.
    changed = before in {"sdpa", NAME} and _switch(transformer, NAME)
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
