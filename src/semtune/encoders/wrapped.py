"""Encoders that wrap another encoder: one caches vectors, one transforms them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from semtune.progress import Progress
from semtune.protocols import Encoder
from semtune.types import Embeddings, Encoded, Role
from semtune.unit_vectors import unit


class CachingEncoder:
    """Encodes each text once and keeps its vector in memory."""

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


class TransformedEncoder:
    """Applies a transformation to the vectors of an encoder.

    Args:
        encoder: computes the vectors.
        transform: (n, dim) vectors → (n, `dimension`) vectors.
        dimension: of the transformed vectors.
    """

    def __init__(self, encoder: Encoder, transform: Callable[[Embeddings], Embeddings], dimension: int) -> None:
        self.contract = replace(encoder.contract, dimension=dimension)
        self.runtime = encoder.runtime
        self._encoder, self._transform = encoder, transform

    def encode(self, texts: Sequence[str], role: Role = "document", progress: Progress | None = None) -> Encoded:
        """Embed `texts`, (n,) → (n, dimension) float32, in the order given."""
        made = self._encoder.encode(texts, role, progress)
        vectors = self._transform(made.vectors)
        return Encoded(unit(vectors) if self.contract.normalize else vectors, made.tokens, made.truncated)
