"""The recommended model with smaller vectors: fewer dimensions, or fewer bits a number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semtune.metrics import Comparison, main_axes, unit
from semtune.progress import Progress
from semtune.protocols import Encoder
from semtune.select.cost import MILLION
from semtune.select.quality import Judge, Quality
from semtune.types import Embeddings, Encoded, Role

Change = Callable[[Embeddings], Embeddings]
BYTES = {"fp32": 4.0, "fp16": 2.0, "int8": 1.0, "binary": 1 / 8}


@dataclass(frozen=True, slots=True)
class Smaller:
    """A way to keep less of each vector, and what it does to the quality.

    Attributes:
        way: "whole", "first" (the first dimensions), "pca", or a precision.
        dimension: that is left.
        index_mb: of a million such vectors.
        value, low, high: the metric with its 95 % interval.
        loss, loss_low, loss_high: against whole vectors, paired.
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


class Remembering:
    """An encoder that encodes each text once."""

    def __init__(self, encoder: Encoder) -> None:
        self.contract, self.runtime = encoder.contract, encoder.runtime
        self._encoder = encoder
        self._known: dict[tuple[Role, str], Embeddings] = {}

    def encode(self, texts: Sequence[str], role: Role = "document", progress: Progress | None = None) -> Encoded:
        """Embed `texts`, (n,) → (n, dim) float32, in the order given."""
        new = [text for text in dict.fromkeys(texts) if (role, text) not in self._known]
        if new:
            vectors = self._encoder.encode(new, role, progress).vectors
            self._known.update({(role, text): vector for text, vector in zip(new, vectors, strict=True)})
        return Encoded(np.stack([self._known[role, text] for text in texts]), 0, 0)


class Changed:
    """An encoder whose vectors are changed before anyone sees them."""

    def __init__(self, encoder: Encoder, change: Change, dimension: int) -> None:
        self.contract = replace(encoder.contract, dimension=dimension)
        self.runtime = encoder.runtime
        self._encoder, self._change = encoder, change

    def encode(self, texts: Sequence[str], role: Role = "document", progress: Progress | None = None) -> Encoded:
        """Embed `texts`, (n,) → (n, dim) float32, in the order given."""
        made = self._encoder.encode(texts, role, progress)
        vectors = self._change(made.vectors)
        return Encoded(unit(vectors) if self.contract.normalize else vectors, made.tokens, made.truncated)


def measure_smaller(encoder: Encoder, judge: Judge, texts: Sequence[str], dims: Sequence[int]) -> list[Smaller]:
    """Judge an encoder's vectors whole, cut to each dimension in two ways, and at each precision.

    Args:
        encoder: of the recommended model.
        judge: on the dev part.
        texts: of train; the axes of PCA and the ranges of int8 are fitted on them.
        dims: those below the model's own are tried.
    """
    known = Remembering(encoder)
    sample = known.encode(texts, "document").vectors
    size = encoder.contract.dimension
    whole = judge(known)
    made = [_compared("whole", size, BYTES["fp32"], whole, whole, judge)]
    turned = main_axes(sample)
    for dim in sorted({dim for dim in dims if dim < size}, reverse=True):
        for way, directions in ways(turned, dim).items():
            found = judge(Changed(known, onto(directions), dim))
            made.append(_compared(way, dim, BYTES["fp32"], found, whole, judge))
    for name, change in _precisions(sample).items():
        made.append(_compared(name, size, BYTES[name], judge(Changed(known, change, size)), whole, judge))
    return made


def ways(turned: NDArray[np.float32], dim: int) -> dict[str, NDArray[np.float32]]:
    """The directions, (size, dim) as columns, that each way keeps of `main_axes`' (size, size)."""
    return {"first": np.eye(len(turned), dim, dtype=np.float32), "pca": turned[:, :dim]}


def onto(directions: NDArray[np.float32]) -> Change:
    """The change that keeps of a vector what lies along the directions, (size, dim)."""
    return lambda vectors: vectors @ directions


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


def _compared(way: str, dim: int, size: float, found: Quality, whole: Quality, judge: Judge) -> Smaller:
    lost = judge.gain(whole, found) if found is not whole else Comparison(0.0, 0.0, 0.0, 1.0)
    return Smaller(
        way, dim, dim * size * MILLION / 1e6, found.value, found.low, found.high, lost.gain, lost.low, lost.high
    )  # fmt: skip
