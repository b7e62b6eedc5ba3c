"""Vectors and their length."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semtune.types import Embeddings

SHORTEST = 1e-12  # what a vector's length is at least taken for: torch's own bound


def unit(vectors: Embeddings) -> Embeddings:
    """(n, dim) vectors of length 1, so that inner products are cosines; those of length 0 stay."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), SHORTEST)


def main_axes(vectors: Embeddings) -> NDArray[np.float32]:
    """(n, dim) vectors → (dim, dim) directions as columns, those along which the vectors are longest first.

    Not centred: inner products between the vectors are what has to be kept, and with all directions they are.
    """
    values = vectors.astype(np.float64)
    lengths, directions = np.linalg.eigh(values.T @ values)
    ordered = directions[:, np.argsort(lengths)[::-1]]
    signs = np.sign(ordered[np.abs(ordered).argmax(axis=0), np.arange(ordered.shape[1])])
    return (ordered * signs).astype(np.float32)  # a direction has no sign of its own: the same one every time
