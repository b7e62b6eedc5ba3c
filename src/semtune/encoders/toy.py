"""A toy encoder for tests of the code around a model: it hashes words and has no weights."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from semtune.contract import Contract
from semtune.progress import Progress
from semtune.types import Encoded, Role

WORD = re.compile(r"\w+")


class ToyEncoder:
    """Each word adds to one of `dimension` positions, by its hash; equal texts give equal vectors."""

    runtime = "toy"

    def __init__(self, dimension: int = 64, max_length: int = 32, salt: str = "") -> None:
        self.contract = Contract(
            name="toy", pooling="sum", normalize=True, max_length=max_length, dimension=dimension,
            tokenizer_sha256="toy", weights_sha256="toy", fingerprint=f"toy-{dimension}-{max_length}-{salt}",
        )  # fmt: skip
        self._salt = salt

    def encode(self, texts: Sequence[str], role: Role = "document", progress: Progress | None = None) -> Encoded:
        """Embed `texts`, (n,) → (n, dimension) float32."""
        del role, progress
        vectors = np.zeros((len(texts), self.contract.dimension), dtype=np.float32)
        tokens = truncated = 0
        for row, text in enumerate(texts):
            words = WORD.findall(text.lower())
            truncated += len(words) > self.contract.max_length
            words = words[: self.contract.max_length]
            tokens += len(words)
            for word in words:
                digest = hashlib.sha256((self._salt + word).encode()).digest()
                vectors[row, int.from_bytes(digest[:4], "little") % self.contract.dimension] += 1.0
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return Encoded(vectors / np.maximum(norms, 1e-12), tokens, truncated)
