"""What the doctor looks at beside the metric: how alike, how spread and how far moved the embeddings are."""

from __future__ import annotations

import numpy as np

from semtune.types import Embeddings

SAMPLE = 256  # texts looked at; more would not change what is seen


def sample_rows(count: int, most: int = SAMPLE) -> list[int]:
    """At most `most` of `count` rows, evenly spaced."""
    return np.linspace(0, count - 1, min(count, most)).astype(int).tolist() if count else []


def alike(vectors: Embeddings) -> float:
    """Mean cosine of all pairs of (n, dim) unit vectors: 1 when all texts have one embedding."""
    n = len(vectors)
    total = np.asarray(vectors, dtype=np.float64).sum(axis=0)
    return float((total @ total - n) / (n * (n - 1))) if n > 1 else float("nan")


def effective_rank(vectors: Embeddings) -> float:
    """Directions that (n, dim) vectors really use: exp of the entropy of their singular values (Roy & Vetterli 2007)."""
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
    """One minus the mean cosine of (n, dim) unit vectors with those of the same texts before: 0 when nothing moved."""
    return float(1.0 - (np.asarray(vectors, np.float64) * np.asarray(before, np.float64)).sum(axis=1).mean())
