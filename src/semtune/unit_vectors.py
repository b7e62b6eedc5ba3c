"""Vectors of length 1."""

from __future__ import annotations

import numpy as np

from semtune.types import Embeddings

SHORTEST = 1e-12  # the lower bound of a vector's length in divisions, as in torch


def unit(vectors: Embeddings) -> Embeddings:
    """(n, dim) vectors of length 1, so that inner products are cosines; zero vectors stay zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), SHORTEST)
