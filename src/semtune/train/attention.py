"""Attention and dropout for training on processors, where torch's own spend most of a step.

With dropout torch has no fused attention on a CPU and falls back to a dozen passes over the (batch, heads,
tokens, tokens) scores; drawing the dropout's random numbers alone takes a fifth of the step. Here the same
function is computed in few passes, and one random byte decides for one number. `benchmarks/train_step.py`
measures the gain.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from semtune.train.packing import BOUNDARIES, groups, packed

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

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


Parts = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def _forward(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: Any, scale: float, p: float) -> Parts:
    """softmax(q k' scale + bias) with dropout, times v; also the weights and the mask, for the gradient."""
    scores = torch.matmul(q, k.transpose(-1, -2)).mul_(scale)
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
    """Gradients of q, k and v by hand (Vaswani et al. 2017)."""
    by_weights = torch.matmul(out, v.transpose(-1, -2))
    if keep.numel():
        by_v = torch.matmul((weights * keep).transpose(-1, -2), out)
        by_weights.mul_(keep)
    else:
        by_v = torch.matmul(weights.transpose(-1, -2), out)
    by_scores = torch.ops.aten._softmax_backward_data(by_weights, weights, -1, weights.dtype).mul_(scale)
    return torch.matmul(by_scores, k), torch.matmul(by_scores.transpose(-1, -2), q), by_v


class _Attend(torch.autograd.Function):
    """Attention with dropout."""

    @staticmethod
    def forward(ctx: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: Any, scale: float, p: float) -> Any:
        """q, k, v: (batch, heads, tokens, size); bias: broadcast to (batch, heads, tokens, tokens), or None."""
        with torch.autocast("cpu", enabled=False):
            made, weights, keep = _forward(q, k, v, bias, scale, p)
        ctx.save_for_backward(q, k, v, weights, keep)
        ctx.scale = scale
        return made

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Gradients of q, k and v."""
        q, k, v, weights, keep = ctx.saved_tensors
        return *_backward(q, k, v, weights, keep, gradients[0], ctx.scale), None, None, None


class _AttendPacked(torch.autograd.Function):
    """Attention with dropout within each of the texts that lie end to end."""

    @staticmethod
    def forward(
        ctx: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, ends: tuple[int, ...], scale: float, p: float
    ) -> Any:
        """q, k, v: (heads, tokens, size) of all texts; ends: their boundaries. Returns (tokens, heads, size)."""
        flat = [x.transpose(0, 1) for x in (q, k, v)]
        made = torch.empty_like(flat[0], memory_format=torch.contiguous_format)
        saved: list[torch.Tensor] = []
        with torch.autocast("cpu", enabled=False):
            for at, real in groups(ends):
                one, two, three = (_padded(x, at) for x in flat)
                bias = None
                if real is not None:
                    bias = torch.zeros(real.shape, dtype=q.dtype).masked_fill_(~real, torch.finfo(q.dtype).min)
                    bias = bias[:, None, None, :]
                out, weights, keep = _forward(one, two, three, bias, scale, p)
                _place(made, out, at, real)
                saved += [one, two, three, weights, keep]
        ctx.save_for_backward(*saved)
        ctx.ends, ctx.scale = ends, scale
        return made

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Gradients of q, k and v."""
        (out,) = gradients
        made = [torch.empty_like(out, memory_format=torch.contiguous_format) for _ in range(3)]
        saved = ctx.saved_tensors
        for number, (at, real) in enumerate(groups(ctx.ends)):
            by_out = _padded(out, at)
            if real is not None:
                by_out = by_out * real[:, None, :, None]
            one, two, three, weights, keep = saved[5 * number : 5 * number + 5]
            for whole, part in zip(made, _backward(one, two, three, weights, keep, by_out, ctx.scale), strict=True):
                _place(whole, part, at, real)
        return *(x.transpose(0, 1) for x in made), None, None, None


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


@contextmanager
def fast_on_cpu(model: SentenceTransformer, *, pack: bool = True) -> Iterator[None]:
    """Train `model` with this attention and dropout while the block runs; on a GPU nothing is changed.

    Args:
        model: any; what does not fit stays as it is.
        pack: read batches without padding, where the model can. Not for losses that read a column's tokens.
    """
    if model.device.type != "cpu":
        yield
        return
    transformer = getattr(model[0], "auto_model", None) or getattr(model[0], "model", None)
    before = _switch(transformer, NAME)
    plain = [(parent, name, child) for parent in model.modules() for name, child in parent.named_children()]
    plain = [(parent, name, child) for parent, name, child in plain if type(child) is nn.Dropout]
    for parent, name, child in plain:
        setattr(parent, name, Dropout(child.p).train(child.training))
    try:
        if before and pack:
            with packed(model):
                yield
        else:
            yield
    finally:
        for parent, name, child in plain:
            setattr(parent, name, child.train(parent.training))
        if before:
            _switch(transformer, before)


def _switch(transformer: Any, implementation: str) -> str:
    """Change the attention of a transformers model; returns the one before, or "" if it stays as it was."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    before = getattr(getattr(transformer, "config", None), "_attn_implementation", "")
    if before not in {"sdpa", NAME}:  # eager models keep a reason of their own
        return ""
    AttentionInterface.register(NAME, _attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    try:
        transformer.set_attn_implementation(implementation)
    except (ValueError, AttributeError):
        return ""
    return before


def _attention(
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
        made: Any = _AttendPacked.apply(query[0], key[0], value[0], ends, scale, dropout)
        return made.unsqueeze(0), None
    causal = attention_mask is None and getattr(module, "is_causal", True)
    special = others.get("position_bias") is not None or others.get("is_causal")
    if not (torch.is_grad_enabled() and dropout > 0) or causal or special or query.shape[1] != key.shape[1]:
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **others
        )
    bias = None
    if attention_mask is not None:
        bias = attention_mask
        if bias.dtype == torch.bool:
            bias = torch.zeros_like(bias, dtype=query.dtype).masked_fill_(~bias, torch.finfo(query.dtype).min)
    made = _Attend.apply(query, key, value, bias, scale, dropout)
    return made.transpose(1, 2).contiguous(), None
