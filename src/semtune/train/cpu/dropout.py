"""Dropout with cheap random numbers: one random byte decides for one number.

Drawing torch's own random numbers for dropout takes a fifth of a training step on a processor.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

BYTE_VALUES = 256


def keep_mask(shape: torch.Size, p: float, dtype: torch.dtype) -> torch.Tensor:
    """A dropout mask: 0 with probability `p` (rounded to 1/256), else 1 / (1 - p), so that the mean is 1.

    The bytes come from a generator that torch's generator seeds: the same torch seed gives the same mask, and a
    training that restores torch's state repeats it.
    """
    dropped = round(p * BYTE_VALUES)
    seed = int(torch.randint(2**62, (1,)))
    count = shape.numel()
    drawn = np.random.Generator(np.random.SFC64(seed)).integers(0, BYTE_VALUES, count, dtype=np.uint8)
    return (torch.from_numpy(drawn) >= dropped).view(shape).to(dtype).mul_(BYTE_VALUES / (BYTE_VALUES - dropped))


class _DropFunction(torch.autograd.Function):
    """Dropout with `keep_mask`."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, p: float) -> torch.Tensor:
        """Drop some of the numbers of `x`, which has any shape."""
        keep = keep_mask(x.shape, p, x.dtype)
        ctx.save_for_backward(keep)
        return x * keep

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Gradient of x."""
        (keep,) = ctx.saved_tensors
        return gradients[0] * keep, None


class ByteDropout(nn.Dropout):
    """`torch.nn.Dropout` with cheap random numbers."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Drop in training; return the input unchanged in evaluation."""
        if not self.training or self.p == 0:
            return input
        return _DropFunction.apply(input, self.p)  # type: ignore[return-value]
