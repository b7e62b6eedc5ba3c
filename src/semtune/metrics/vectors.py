"""The principal directions of a set of vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semtune.types import Embeddings


def main_axes(vectors: Embeddings) -> NDArray[np.float32]:
    """(n, dim) vectors → (dim, dim) principal directions as columns, those with the largest squared lengths first.

    The vectors are not centred, because their inner products must be preserved; with all directions they are.
    """
    values = vectors.astype(np.float64)
    lengths, directions = np.linalg.eigh(values.T @ values)
    ordered = directions[:, np.argsort(lengths)[::-1]]
    signs = np.sign(ordered[np.abs(ordered).argmax(axis=0), np.arange(ordered.shape[1])])
    return (ordered * signs).astype(np.float32)  # a direction has no sign; choose the same one every time
