"""MPNet's attention, which transformers has in one slow form only, for padded batches.

MPNet adds a learned number to each score, by the distance of the two tokens. It is the same for all texts and layers,
so it is looked up once per batch; the rest is done by `semtune.train.cpu.attention`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

import torch

from semtune.train.cpu.attention import PackedAttention, PaddedAttention
from semtune.train.cpu.packing import BOUNDARIES, length_groups
from semtune.train.cpu.transformers_attention import ATTENTION_NAME, as_bias

RelativeBias = tuple[torch.Tensor, ...]  # (heads, longest, longest) for each group of texts of similar length


@dataclass
class _CurrentBatch:
    """Where the texts of the batch being read begin and end; None for a padded batch."""

    ends: tuple[int, ...] | None = None


@contextmanager
def relative_attention(transformer: Any) -> Iterator[bool]:
    """Let an MPNet model use our attention while the block runs; yields whether it does."""
    try:
        encoder, config = transformer.encoder, transformer.config
        attentions = [layer.attention.attn for layer in encoder.layer]
    except AttributeError:  # a version of the library with other names
        yield False
        return
    batch, before = _CurrentBatch(), config._attn_implementation
    for attention in attentions:
        attention.forward = _forward_of(attention, batch)
    encoder.compute_position_bias = _relative_bias_of(encoder, batch)
    transformer.forward = _with_boundaries(transformer.forward, batch)
    config._attn_implementation = ATTENTION_NAME  # with it the mask has one row per text, and is None without padding
    try:
        yield True
    finally:
        config._attn_implementation = before
        del transformer.forward, encoder.compute_position_bias
        for attention in attentions:
            del attention.forward


def _with_boundaries(forward: Callable[..., Any], batch: _CurrentBatch) -> Callable[..., Any]:
    """Note the boundaries of each batch: MPNet does not pass unknown arguments on to its encoder.

    A hook would not do, since sentence-transformers calls `forward` directly.
    """

    @wraps(forward)
    def noting_boundaries(*arguments: Any, **named: Any) -> Any:
        ends = named.get(BOUNDARIES)
        batch.ends = None if ends is None else tuple(ends.tolist())
        return forward(*arguments, **named)

    return noting_boundaries


def _relative_bias_of(encoder: Any, batch: _CurrentBatch) -> Callable[..., RelativeBias]:
    def relative_bias(hidden: torch.Tensor, *_others: Any) -> RelativeBias:
        """What is added to the scores; `hidden` is (batch, tokens, size)."""
        sizes = [at.shape[1] for at, _ in length_groups(batch.ends)] if batch.ends else [hidden.shape[1]]
        longest = max(sizes)
        distances = torch.arange(1 - longest, longest, device=hidden.device)
        by_distance = encoder.relative_attention_bias(encoder.relative_position_bucket(distances)).T
        made = []
        for size in sizes:
            place = torch.arange(size, device=hidden.device)
            made.append(by_distance[:, place[None, :] - place[:, None] + longest - 1])
        return tuple(made)

    return relative_bias


def _forward_of(attention: Any, batch: _CurrentBatch) -> Callable[..., tuple[torch.Tensor]]:
    def forward(
        hidden: torch.Tensor,
        mask: torch.Tensor | None = None,
        relative: RelativeBias = (),
        *_others: Any,
        **_named: Any,
    ) -> tuple[torch.Tensor]:
        """As `MPNetSelfAttention`, but without returning the attention weights."""
        shape = (*hidden.shape[:-1], -1, attention.attention_head_size)
        q, k, v = (part(hidden).view(shape).transpose(1, 2) for part in (attention.q, attention.k, attention.v))
        scale = attention.attention_head_size**-0.5
        p = attention.dropout.p if attention.training else 0.0
        made: Any
        if batch.ends:
            made = PackedAttention.apply(q[0], k[0], v[0], batch.ends, scale, p, *relative)
        else:
            made = PaddedAttention.apply(q, k, v, as_bias(mask, q.dtype), scale, p, relative[0])
            made = made.transpose(1, 2)
        return (attention.o(made.reshape(*hidden.shape[:-1], -1)),)

    return forward
