"""Vectors and their length."""

from __future__ import annotations

import numpy as np

from semtune.types import Embeddings

SHORTEST = 1e-12  # what a vector's length is at least taken for: torch's own bound


def unit(vectors: Embeddings) -> Embeddings:
    """(n, dim) vectors of length 1, so that inner products are cosines; those of length 0 stay."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), SHORTEST)
