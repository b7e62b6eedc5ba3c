"""Attention and dropout for training on processors, where torch's own spend most of a step.

With dropout torch has no fused attention on a CPU and falls back to a dozen passes over the (batch, heads,
tokens, tokens) scores; drawing the dropout's random numbers alone takes a fifth of the step. Here the same
function is computed in few passes, and one random byte decides for one number. `benchmarks/train_step.py`
measures the gain.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from semtune.train.cpu.packing import BOUNDARIES, groups

NAME = "semtune_cpu"
LEVELS = 256


def keep_mask(shape: torch.Size, p: float, dtype: torch.dtype) -> torch.Tensor:
    """A dropout mask: 0 with probability `p` (rounded to 1/256), else 1 / (1 - p), so that the mean is 1.

    The bytes come from a generator seeded by torch's: the same torch seed gives the same mask, and a
    training that restores torch's state repeats it.
    """
    dropped = round(p * LEVELS)
    seed = int(torch.randint(2**62, (1,)))
    count = shape.numel()
    drawn = np.random.Generator(np.random.SFC64(seed)).integers(0, LEVELS, count, dtype=np.uint8)
    return (torch.from_numpy(drawn) >= dropped).view(shape).to(dtype).mul_(LEVELS / (LEVELS - dropped))


Parts = tuple[torch.Tensor, ...]


def _forward(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, biases: Any, scale: float, p: float) -> Parts:
    """softmax(q k' scale + biases) with dropout, times v; also the weights and the mask, for the gradient."""
    scores = torch.matmul(q, k.transpose(-1, -2)).mul_(scale)
    for bias in biases:
        if bias is not None:
            scores.add_(bias)
    weights = torch.softmax(scores, -1)
    if not p:
        return torch.matmul(weights, v), weights, torch.empty(0)
    keep = keep_mask(weights.shape, p, weights.dtype)
    return torch.matmul(weights * keep, v), weights, keep


def _backward(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, weights: torch.Tensor, keep: torch.Tensor, out: Any, scale: float
) -> Parts:
    """Gradients of q, k, v and the scores before they were scaled, by hand (Vaswani et al. 2017)."""
    by_weights = torch.matmul(out, v.transpose(-1, -2))
    if keep.numel():
        by_v = torch.matmul((weights * keep).transpose(-1, -2), out)
        by_weights.mul_(keep)
    else:
        by_v = torch.matmul(weights.transpose(-1, -2), out)
    by_scores = torch.ops.aten._softmax_backward_data(by_weights, weights, -1, weights.dtype).mul_(scale)
    return torch.matmul(by_scores, k), torch.matmul(by_scores.transpose(-1, -2), q), by_v, by_scores


def _by_relative(by_scores: torch.Tensor, scale: float) -> torch.Tensor:
    """The gradient of (heads, tokens, tokens) that were added to the scores of each text of a batch."""
    return by_scores.sum(0, dtype=torch.promote_types(by_scores.dtype, torch.float32)).div_(scale)


class Attend(torch.autograd.Function):
    """Attention with dropout."""

    @staticmethod
    def forward(
        ctx: Any,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        bias: Any,
        scale: float,
        p: float,
        relative: Any = None,
    ) -> Any:
        """Attend.

        Args:
            ctx: torch's.
            q, k, v: (batch, heads, tokens, size).
            bias: broadcast to (batch, heads, tokens, tokens) and added to the scores, without a gradient; or None.
            scale: of the scores.
            p: of the dropout.
            relative: (heads, tokens, tokens), added likewise, with a gradient; or None.
        """
        with torch.autocast("cpu", enabled=False):
            made, weights, keep = _forward(q, k, v, (relative, bias), scale, p)
        ctx.save_for_backward(q, k, v, weights, keep)
        ctx.scale, ctx.relative = scale, relative is not None
        return made

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Gradients of q, k, v and relative."""
        q, k, v, weights, keep = ctx.saved_tensors
        *of_parts, by_scores = _backward(q, k, v, weights, keep, gradients[0], ctx.scale)
        return *of_parts, None, None, None, _by_relative(by_scores, ctx.scale) if ctx.relative else None


class AttendPacked(torch.autograd.Function):
    """Attention with dropout within each of the texts that lie end to end."""

    @staticmethod
    def forward(
        ctx: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, ends: tuple[int, ...], scale: float, p: float,
        *relative: torch.Tensor,
    ) -> Any:  # fmt: skip
        """Attend.

        Args:
            ctx: torch's.
            q, k, v: (heads, tokens, size) of all texts.
            ends: their boundaries.
            scale: of the scores.
            p: of the dropout.
            relative: for each of `groups(ends)` (heads, longest, longest) that is added to the scores; or none at all.

        Returns:
            (tokens, heads, size).
        """
        flat = [x.transpose(0, 1) for x in (q, k, v)]
        made = torch.empty_like(flat[0], memory_format=torch.contiguous_format)
        saved: list[torch.Tensor] = []
        with torch.autocast("cpu", enabled=False):
            for number, (at, real) in enumerate(groups(ends)):
                one, two, three = (_padded(x, at) for x in flat)
                bias = None
                if real is not None:
                    bias = torch.zeros(real.shape, dtype=q.dtype).masked_fill_(~real, torch.finfo(q.dtype).min)
                    bias = bias[:, None, None, :]
                biases = (*relative[number : number + 1], bias)
                out, weights, keep = _forward(one, two, three, biases, scale, p)
                _place(made, out, at, real)
                saved += [one, two, three, weights, keep]
        ctx.save_for_backward(*saved)
        ctx.ends, ctx.scale, ctx.relative = ends, scale, len(relative)
        return made

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Gradients of q, k, v and relative."""
        (out,) = gradients
        made = [torch.empty_like(out, memory_format=torch.contiguous_format) for _ in range(3)]
        of_relative = list[torch.Tensor]()
        saved = ctx.saved_tensors
        for number, (at, real) in enumerate(groups(ctx.ends)):
            by_out = _padded(out, at)
            if real is not None:
                by_out = by_out * real[:, None, :, None]
            one, two, three, weights, keep = saved[5 * number : 5 * number + 5]
            *of_parts, by_scores = _backward(one, two, three, weights, keep, by_out, ctx.scale)
            for whole, part in zip(made, of_parts, strict=True):
                _place(whole, part, at, real)
            if ctx.relative:
                of_relative.append(_by_relative(by_scores, ctx.scale))
        return *(x.transpose(0, 1) for x in made), None, None, None, *of_relative


def _padded(flat: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
    """(tokens, heads, size) → (texts, heads, longest, size)."""
    return flat[at].transpose(1, 2)


def _place(flat: torch.Tensor, part: torch.Tensor, at: torch.Tensor, real: torch.Tensor | None) -> None:
    """The reverse of `_padded`, for tokens only."""
    back = part.transpose(1, 2)
    if real is None:
        flat[at] = back
    else:
        flat[at[real]] = back[real]


class _Drop(torch.autograd.Function):
    """Dropout with `keep_mask`."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, p: float) -> torch.Tensor:
        """X of any shape."""
        keep = keep_mask(x.shape, p, x.dtype)
        ctx.save_for_backward(keep)
        return x * keep

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Gradient of x."""
        (keep,) = ctx.saved_tensors
        return gradients[0] * keep, None


class Dropout(nn.Dropout):
    """`torch.nn.Dropout` with cheap random numbers."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Drop in training, pass in evaluation."""
        return _Drop.apply(input, self.p) if self.training and self.p > 0 else input  # type: ignore[return-value]


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
    """The form that transformers calls; what is not plain bidirectional attention with dropout goes to torch's own."""
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    if others.get(BOUNDARIES) is not None:
        ends = tuple(others[BOUNDARIES].tolist())
        made: Any = AttendPacked.apply(query[0], key[0], value[0], ends, scale, dropout)
        return made.unsqueeze(0), None
    causal = attention_mask is None and getattr(module, "is_causal", True)
    special = others.get("position_bias") is not None or others.get("is_causal")
    if not (torch.is_grad_enabled() and dropout > 0) or causal or special or query.shape[1] != key.shape[1]:
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **others
        )
    made = Attend.apply(query, key, value, as_bias(attention_mask, query.dtype), scale, dropout)
    return made.transpose(1, 2).contiguous(), None


def as_bias(mask: torch.Tensor | None, dtype: torch.dtype) -> torch.Tensor | None:
    """A mask of what may be attended to as what is added to the scores."""
    if mask is None or mask.dtype != torch.bool:
        return mask
    return torch.zeros_like(mask, dtype=dtype).masked_fill_(~mask, torch.finfo(dtype).min)
