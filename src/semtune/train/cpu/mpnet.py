"""MPNet's attention, which transformers has in one form only, for padded batches and in many passes.

MPNet adds a learned number to each score by how far apart two tokens are. It is the same for all texts and layers,
so it is looked up once a batch; the rest is `semtune.train.cpu.attention`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

import torch

from semtune.train.cpu.attention import NAME, Attend, AttendPacked, as_bias
from semtune.train.cpu.packing import BOUNDARIES, groups

Relative = tuple[torch.Tensor, ...]  # (heads, longest, longest) for each group of texts of like length


@dataclass
class _Batch:
    """Where the texts of the batch that is being read begin and end; None with padding."""

    ends: tuple[int, ...] | None = None


@contextmanager
def relative_attention(transformer: Any) -> Iterator[bool]:
    """Let an MPNet model attend by `Attend` while the block runs; yields whether it does."""
    try:
        encoder, config = transformer.encoder, transformer.config
        attentions = [layer.attention.attn for layer in encoder.layer]
    except AttributeError:  # a library that keeps them under other names
        yield False
        return
    batch, before = _Batch(), config._attn_implementation
    for attention in attentions:
        attention.forward = _forward_of(attention, batch)
    encoder.compute_position_bias = _relative_of(encoder, batch)
    transformer.forward = _remembering(transformer.forward, batch)
    config._attn_implementation = NAME  # its mask has a row a text, and none where nothing is padded
    try:
        yield True
    finally:
        config._attn_implementation = before
        del transformer.forward, encoder.compute_position_bias
        for attention in attentions:
            del attention.forward


def _remembering(forward: Callable[..., Any], batch: _Batch) -> Callable[..., Any]:
    """MPNet hands its encoder none of the arguments that it does not know; not a hook: `forward` is called by itself."""

    @wraps(forward)
    def look_and_go(*arguments: Any, **named: Any) -> Any:
        ends = named.get(BOUNDARIES)
        batch.ends = None if ends is None else tuple(ends.tolist())
        return forward(*arguments, **named)

    return look_and_go


def _relative_of(encoder: Any, batch: _Batch) -> Callable[..., Relative]:
    def relative(hidden: torch.Tensor, *_others: Any) -> Relative:
        """What is added to the scores; `hidden` is (batch, tokens, size)."""
        sizes = [at.shape[1] for at, _ in groups(batch.ends)] if batch.ends else [hidden.shape[1]]
        longest = max(sizes)
        distances = torch.arange(1 - longest, longest, device=hidden.device)
        by_distance = encoder.relative_attention_bias(encoder.relative_position_bucket(distances)).T
        made = []
        for size in sizes:
            place = torch.arange(size, device=hidden.device)
            made.append(by_distance[:, place[None, :] - place[:, None] + longest - 1])
        return tuple(made)

    return relative


def _forward_of(attention: Any, batch: _Batch) -> Callable[..., tuple[torch.Tensor]]:
    def forward(
        hidden: torch.Tensor, mask: torch.Tensor | None = None, relative: Relative = (), *_others: Any, **_named: Any
    ) -> tuple[torch.Tensor]:
        """As `MPNetSelfAttention`, without the weights."""
        shape = (*hidden.shape[:-1], -1, attention.attention_head_size)
        q, k, v = (part(hidden).view(shape).transpose(1, 2) for part in (attention.q, attention.k, attention.v))
        scale = attention.attention_head_size**-0.5
        p = attention.dropout.p if attention.training else 0.0
        made: Any
        if batch.ends:
            made = AttendPacked.apply(q[0], k[0], v[0], batch.ends, scale, p, *relative)
        else:
            made = Attend.apply(q, k, v, as_bias(mask, q.dtype), scale, p, relative[0])
            made = made.transpose(1, 2)
        return (attention.o(made.reshape(*hidden.shape[:-1], -1)),)

    return forward
