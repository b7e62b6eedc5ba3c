"""Signs of health beside the metric: how similar, how spread out and how far moved the embeddings are."""

from __future__ import annotations

import numpy as np

from semtune.metrics import unit
from semtune.types import Embeddings

SAMPLED_TEXTS = 256  # more would not change what is seen


def sample_vectors(vectors: Embeddings) -> Embeddings:
    """At most `SAMPLED_TEXTS` of the (n, dim) vectors, evenly spaced, with unit length."""
    count = len(vectors)
    rows = np.linspace(0, count - 1, min(count, SAMPLED_TEXTS)).astype(int).tolist() if count else []
    return unit(vectors[rows])


def mean_cosine(vectors: Embeddings) -> float:
    """Mean cosine of all pairs of (n, dim) unit vectors: 1 when all texts have the same embedding."""
    n = len(vectors)
    total = np.asarray(vectors, dtype=np.float64).sum(axis=0)
    return float((total @ total - n) / (n * (n - 1))) if n > 1 else float("nan")


def effective_rank(vectors: Embeddings) -> float:
    """Number of directions that (n, dim) vectors use: exp of the entropy of their singular values.

    Roy & Vetterli 2007, "The effective rank".
    """
    centred = np.asarray(vectors, dtype=np.float64) - np.mean(vectors, axis=0, dtype=np.float64)
    if not np.isfinite(centred).all():
        return float("nan")
    values = np.linalg.svd(centred, compute_uv=False)
    if values.sum() < 1e-9:
        return 1.0
    share = values / values.sum()
    share = share[share > 0]
    return float(np.exp(-(share * np.log(share)).sum()))


def moved(vectors: Embeddings, before: Embeddings) -> float:
    """1 - the mean cosine of (n, dim) unit vectors with those of the same texts before: 0 when nothing moved."""
    return float(1.0 - (np.asarray(vectors, np.float64) * np.asarray(before, np.float64)).sum(axis=1).mean())
