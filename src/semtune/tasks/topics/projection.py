"""Fewer dimensions before clustering: principal components, centred, of length 1 again.

Measured on CLINC150 (150 intents): Ward's clusters agree with the classes with an adjusted Rand index of 0.755 on 100
components and 0.718 on all 384 dimensions. UMAP was not used: its layout changes with the seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semtune.tasks.topics.draws import Keys, drawn
from semtune.types import Embeddings
from semtune.unit_vectors import unit

COMPONENTS = 100
SAMPLE = 50_000  # vectors that the components are computed from
BLOCK = 16_384
SEED = 1


@dataclass(frozen=True, slots=True)
class Projection:
    """(dim,) mean and (dim, components) axes."""

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]

    def apply(self, vectors: Embeddings) -> Embeddings:
        """(n, dim) → (n, components) unit vectors; a vector equal to the mean becomes zero."""
        made = np.empty((len(vectors), self.axes.shape[1]), dtype=np.float32)
        for start in range(0, len(vectors), BLOCK):
            part = np.asarray(vectors[start : start + BLOCK], dtype=np.float32)
            made[start : start + BLOCK] = unit(unit(part) - self.mean) @ self.axes
        return unit(made).astype(np.float32)


def fit_projection(vectors: Embeddings, keys: Keys) -> Projection:
    """The principal components of (n, dim) vectors, from a sample drawn by their keys."""
    rows = drawn(keys, SAMPLE, SEED)
    sample = unit(np.asarray(vectors[rows], dtype=np.float32)).astype(np.float64)
    mean = sample.mean(axis=0)
    centred = sample - mean
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :COMPONENTS]
    # Eigenvectors have no sign of their own.
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return Projection(mean.astype(np.float32), (axes * signs).astype(np.float32))
