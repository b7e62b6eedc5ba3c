"""Measures a model with smaller vectors: fewer dimensions, or fewer bits per dimension."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from semtune.encoders.wrapped import CachingEncoder, TransformedEncoder
from semtune.metrics import Comparison, main_axes
from semtune.metrics.directions import directions_by_way, project_onto
from semtune.protocols import Encoder
from semtune.select.cost import MILLION
from semtune.select.quality import Evaluator, Quality
from semtune.types import Embeddings

Change = Callable[[Embeddings], Embeddings]
BYTES = {"fp32": 4.0, "fp16": 2.0, "int8": 1.0, "binary": 1 / 8}


@dataclass(frozen=True, slots=True)
class SmallerVectors:
    """A way to shrink vectors, and its effect on quality.

    Attributes:
        way: "whole", "first" (the first dimensions), "pca", or a precision.
        dimension: of the smaller vectors.
        index_mb: of a million such vectors.
        value, low, high: the metric with its 95 % interval.
        loss, loss_low, loss_high: paired difference to whole vectors with its 95 % interval.
    """

    way: str
    dimension: int
    index_mb: float
    value: float
    low: float
    high: float
    loss: float
    loss_low: float
    loss_high: float

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)


def measure_smaller(
    encoder: Encoder, evaluator: Evaluator, texts: Sequence[str], dims: Sequence[int]
) -> list[SmallerVectors]:
    """Evaluate whole vectors, each smaller dimension in two ways, and each precision.

    Args:
        encoder: of the recommended model.
        evaluator: measures quality on the dev sample.
        texts: of train; the PCA and the ranges of int8 are fitted on them.
        dims: the dimensions to try; those not below the model's own are ignored.
    """
    known = CachingEncoder(encoder)
    sample = known.encode(texts, "document").vectors
    size = encoder.contract.dimension
    whole = evaluator(known)
    made = [_compared("whole", size, BYTES["fp32"], whole, whole, evaluator)]
    turned = main_axes(sample)
    for dim in sorted({dim for dim in dims if dim < size}, reverse=True):
        for way, directions in directions_by_way(turned, dim).items():
            found = evaluator(TransformedEncoder(known, project_onto(directions), dim))
            made.append(_compared(way, dim, BYTES["fp32"], found, whole, evaluator))
    for name, change in _precisions(sample).items():
        made.append(
            _compared(name, size, BYTES[name], evaluator(TransformedEncoder(known, change, size)), whole, evaluator)
        )
    return made


def _precisions(sample: Embeddings) -> dict[str, Change]:
    low, high = sample.min(axis=0), sample.max(axis=0)
    step = np.maximum(high - low, 1e-12) / 255

    def int8(vectors: Embeddings) -> Embeddings:
        return (np.clip(np.round((vectors - low) / step), 0, 255) * step + low).astype(np.float32)

    return {
        "fp16": lambda vectors: vectors.astype(np.float16).astype(np.float32),
        "int8": int8,
        "binary": lambda vectors: np.where(vectors > 0, 1.0, -1.0).astype(np.float32),
    }


def _compared(way: str, dim: int, size: float, found: Quality, whole: Quality, evaluator: Evaluator) -> SmallerVectors:
    lost = evaluator.gain(whole, found) if found is not whole else Comparison(0.0, 0.0, 0.0, 1.0)
    return SmallerVectors(
        way, dim, dim * size * MILLION / 1e6, found.value, found.low, found.high, lost.gain, lost.low, lost.high
    )  # fmt: skip
