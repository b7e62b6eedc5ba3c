"""Attention for training on processors, where torch's own takes most of a step.

With dropout, torch has no fused attention on a CPU and falls back to a dozen passes over the (batch, heads, tokens,
tokens) scores. Here the same function and its gradient are computed in few passes; `benchmarks/train_step.py`
measures the gain.
"""

from __future__ import annotations

from typing import Any

import torch

from semtune.train.cpu.dropout import keep_mask
from semtune.train.cpu.packing import length_groups

Tensors = tuple[torch.Tensor, ...]


def _forward(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, biases: Any, scale: float, p: float) -> Tensors:
    """softmax(q k' scale + biases) with dropout, times v; returned with the weights and the mask, for the gradient."""
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
) -> Tensors:
    """Gradients of q, k, v and of the scores before scaling, derived by hand (Vaswani et al. 2017)."""
    by_weights = torch.matmul(out, v.transpose(-1, -2))
    if keep.numel():
        by_v = torch.matmul((weights * keep).transpose(-1, -2), out)
        by_weights.mul_(keep)
    else:
        by_v = torch.matmul(weights.transpose(-1, -2), out)
    by_scores = torch.ops.aten._softmax_backward_data(by_weights, weights, -1, weights.dtype).mul_(scale)
    return torch.matmul(by_scores, k), torch.matmul(by_scores.transpose(-1, -2), q), by_v, by_scores


def _by_relative(by_scores: torch.Tensor, scale: float) -> torch.Tensor:
    """The gradient of a (heads, tokens, tokens) bias that was added to the scores of each text of a batch."""
    return by_scores.sum(0, dtype=torch.promote_types(by_scores.dtype, torch.float32)).div_(scale)


class PaddedAttention(torch.autograd.Function):
    """Attention with dropout over a padded batch."""

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
            relative: (heads, tokens, tokens), added to the scores too, with a gradient; or None.
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


class PackedAttention(torch.autograd.Function):
    """Attention with dropout within each text of a packed batch, where texts lie end to end."""

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
            relative: (heads, longest, longest) for each of `length_groups(ends)`, added to the scores; or none at all.

        Returns:
            (tokens, heads, size).
        """
        flat = [x.transpose(0, 1) for x in (q, k, v)]
        made = torch.empty_like(flat[0], memory_format=torch.contiguous_format)
        saved: list[torch.Tensor] = []
        with torch.autocast("cpu", enabled=False):
            for number, (at, real) in enumerate(length_groups(ends)):
                one, two, three = (_padded(x, at) for x in flat)
                biases = (*relative[number : number + 1], _padding_bias(real, q.dtype))
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
        for number, (at, real) in enumerate(length_groups(ctx.ends)):
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


def _padding_bias(real: torch.Tensor | None, dtype: torch.dtype) -> torch.Tensor | None:
    """What is added to the scores so that no text attends to its padding; None where there is none."""
    return None if real is None else mask_to_bias(real, dtype)[:, None, None, :]


def mask_to_bias(mask: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """A boolean mask of what may be attended to → what is added to the scores: 0, or the lowest number."""
    return torch.zeros_like(mask, dtype=dtype).masked_fill_(~mask, torch.finfo(dtype).min)


def _padded(flat: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
    """(tokens, heads, size) → (texts, heads, longest, size)."""
    return flat[at].transpose(1, 2)


def _place(flat: torch.Tensor, part: torch.Tensor, at: torch.Tensor, real: torch.Tensor | None) -> None:
    """The reverse of `_padded`; padding is left out."""
    back = part.transpose(1, 2)
    if real is None:
        flat[at] = back
    else:
        flat[at[real]] = back[real]
