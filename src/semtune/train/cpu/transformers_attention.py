"""Our attention in the form that transformers calls, for every model that uses its `AttentionInterface`."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from semtune.train.cpu.attention import PackedAttention, PaddedAttention, mask_to_bias
from semtune.train.cpu.packing import BOUNDARIES

ATTENTION_NAME = "semtune_cpu"
"""The name that transformers knows it by."""


def attend(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """What transformers calls; all but plain bidirectional attention with dropout is left to torch's own."""
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    if others.get(BOUNDARIES) is not None:
        ends = tuple(others[BOUNDARIES].tolist())
        made: Any = PackedAttention.apply(query[0], key[0], value[0], ends, scale, dropout)
        return made.unsqueeze(0), None
    causal = attention_mask is None and getattr(module, "is_causal", True)
    special = others.get("position_bias") is not None or others.get("is_causal")
    if not (torch.is_grad_enabled() and dropout > 0) or causal or special or query.shape[1] != key.shape[1]:
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **others
        )
    made = PaddedAttention.apply(query, key, value, as_bias(attention_mask, query.dtype), scale, dropout)
    return made.transpose(1, 2).contiguous(), None


def as_bias(mask: torch.Tensor | None, dtype: torch.dtype) -> torch.Tensor | None:
    """A mask as what is added to the scores; one that is not boolean is that already."""
    return mask if mask is None or mask.dtype != torch.bool else mask_to_bias(mask, dtype)
