"""Which directions of vectors are kept when they are made shorter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from semtune.types import Embeddings

KeptDirections = NDArray[np.float32]  # (dim, dim kept), one direction per column


def directions_by_way(axes: NDArray[np.float32], dim: int) -> dict[str, KeptDirections]:
    """The directions that each way keeps of vectors with the `main_axes` given.

    Args:
        axes: (size, size), from `semtune.metrics.main_axes`.
        dim: number of directions to keep.

    Returns:
        "first", the first dimensions, and "pca", the main axes; (size, dim) each.
    """
    return {"first": np.eye(len(axes), dim, dtype=np.float32), "pca": axes[:, :dim]}


def project_onto(directions: KeptDirections) -> Callable[[Embeddings], Embeddings]:
    """A function from (n, size) vectors to their (n, dim) parts along the directions."""
    return lambda vectors: vectors @ directions
