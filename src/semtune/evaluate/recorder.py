"""Passes on the vectors of an encoder as they are computed, so that nothing is encoded twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from semtune.progress import Progress
from semtune.protocols import Encoder
from semtune.types import Embeddings, Encoded, Role


class ObservedEncoder:
    """Calls `on_vectors` with the role and each block of vectors, in the order in which texts are encoded."""

    def __init__(self, encoder: Encoder, on_vectors: Callable[[Role, Embeddings], None]) -> None:
        self.contract, self.runtime = encoder.contract, encoder.runtime
        self._encoder, self._on_vectors = encoder, on_vectors

    def encode(self, texts: Sequence[str], role: Role = "document", progress: Progress | None = None) -> Encoded:
        """Embed `texts`, (n,) → (n, dim) float32."""
        made = self._encoder.encode(texts, role, progress)
        self._on_vectors(role, made.vectors)
        return made


class VectorRecorder:
    """Keeps the vectors of `count` documents, (count, dim), and of all queries in memory."""

    def __init__(self, count: int, dimension: int) -> None:
        self.documents: Embeddings = np.empty((count, dimension), dtype=np.float32)
        self.queries: Embeddings = np.empty((0, dimension), dtype=np.float32)
        self._seen = 0

    def add(self, role: Role, vectors: Embeddings) -> None:
        """Keep a block; documents beyond `count` are dropped."""
        if role == "query":
            self.queries = np.concatenate([self.queries, vectors])
        elif len(self.documents):
            self.documents[self._seen : self._seen + len(vectors)] = vectors
            self._seen += len(vectors)
