"""Places on a plane for many vectors: similar ones near each other.

A few hundred landmarks, the centres of k-means, are laid out by t-SNE (van der Maaten & Hinton 2008), which is cheap
for so few. Every vector then gets a place between the landmarks that are most similar to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semtune.types import Embeddings

LANDMARKS = 500
PERPLEXITY = 15.0
ROUNDS, EXAGGERATED = 350, 80  # of t-SNE, and those of them that pull clusters apart
NEAREST = 4  # landmarks that decide where a vector is drawn
SPREAD = 0.45  # how far a vector may be from its place between landmarks, as a share of their distance
FILLED = 0.6  # of the distance that evenly spread landmarks would have
SEED = 17
LARGEST = 65_535  # of the whole numbers that places are sent as

Points = NDArray[np.float64]  # (n, 2)


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where vectors are drawn.

    Attributes:
        places: (n, 2), from 0 to `LARGEST`.
        landmark_of: (n,) the most similar landmark of each.
        landmarks: (m, dim) unit vectors.
    """

    places: NDArray[np.uint16]
    landmark_of: NDArray[np.int64]
    landmarks: Embeddings


def laid_out(vectors: Embeddings) -> Layout:
    """Lay out (n, dim) unit vectors; equal vectors give equal layouts."""
    landmarks = centres(vectors, LANDMARKS) if len(vectors) > LANDMARKS else vectors
    flat = _tsne(landmarks) if len(landmarks) > 3 else _line(len(landmarks))
    places, nearest = _between(vectors, landmarks, flat)
    return Layout(_whole_numbers(places), nearest, landmarks)


def centres(vectors: Embeddings, count: int, weights: NDArray[np.float32] | None = None) -> Embeddings:
    """(count, dim) centres of spherical k-means."""
    import faiss

    means = faiss.Kmeans(
        vectors.shape[1],
        count,
        niter=12,
        seed=SEED,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=128,
    )
    means.train(np.ascontiguousarray(vectors, dtype=np.float32), weights=weights)
    return np.asarray(means.centroids, dtype=np.float32)


def _line(count: int) -> Points:
    return np.stack([np.arange(count, dtype=np.float64), np.zeros(count)], axis=1)


def _between(vectors: Embeddings, landmarks: Embeddings, flat: Points) -> tuple[Points, NDArray[np.int64]]:
    """The place of each vector, and its most similar landmark."""
    if landmarks is vectors:
        return flat, np.arange(len(flat))
    near = min(NEAREST, len(landmarks))
    gap = _typical_gap(flat)
    axes = np.random.default_rng(SEED).standard_normal((vectors.shape[1], 2))
    places, nearest = np.empty((len(vectors), 2)), np.empty(len(vectors), dtype=np.int64)
    for start in range(0, len(vectors), 4096):
        part = vectors[start : start + 4096]
        cosines = part @ landmarks.T
        best = np.argsort(-cosines, axis=1)[:, :near]
        close = np.take_along_axis(cosines, best, axis=1)
        weights = np.exp((close - close[:, :1]) / (close[:, :1] - close[:, -1:] + 1e-6) * 3)
        weights /= weights.sum(axis=1, keepdims=True)
        aside = (part - landmarks[best[:, 0]]) @ axes
        aside *= SPREAD * gap / max(float(aside.std()), 1e-9)
        places[start : start + 4096] = (weights[:, :, None] * flat[best]).sum(axis=1) + aside
        nearest[start : start + 4096] = best[:, 0]
    return places, nearest


def _typical_gap(flat: Points) -> float:
    """The distance of landmarks: at least what it would be if they filled the map, so that no cluster is a dot."""
    distances = _squares(flat)
    np.fill_diagonal(distances, np.inf)
    nearest = float(np.sqrt(np.median(distances.min(axis=1))))
    return max(nearest, FILLED * float(np.ptp(flat, axis=0).max()) / np.sqrt(len(flat)))


def _whole_numbers(places: Points) -> NDArray[np.uint16]:
    """Centred, with the same scale on both axes."""
    if not len(places):
        return np.zeros((0, 2), dtype=np.uint16)
    low, high = places.min(axis=0), places.max(axis=0)
    reach = max(float((high - low).max()), 1e-9)
    centred = (places - (low + high) / 2) / reach + 0.5
    return np.clip(np.round(centred * LARGEST), 0, LARGEST).astype(np.uint16)


def _squares(points: Points | Embeddings) -> Points:
    """(n, n) squared distances."""
    norms = (points**2).sum(axis=1)
    return np.maximum(norms[:, None] + norms[None, :] - 2 * points @ points.T, 0.0)


def _tsne(vectors: Embeddings) -> Points:
    """(n, 2) places of few (n, dim) vectors."""
    wanted = _affinities(_squares(vectors.astype(np.float64)), min(PERPLEXITY, (len(vectors) - 1) / 3))
    flat = _start(vectors)
    speed, gains = np.zeros_like(flat), np.ones_like(flat)
    rate = max(len(vectors) / 12.0 / 4, 50.0)
    for round_ in range(ROUNDS):
        pulled = wanted * (12.0 if round_ < EXAGGERATED else 1.0)
        closeness = 1.0 / (1.0 + _squares(flat))
        np.fill_diagonal(closeness, 0.0)
        forces = (pulled - closeness / closeness.sum()) * closeness
        slope = 4.0 * (forces.sum(axis=1)[:, None] * flat - forces @ flat)
        gains = np.maximum(np.where(np.sign(slope) == np.sign(speed), gains * 0.8, gains + 0.2), 0.01)
        speed = (0.5 if round_ < EXAGGERATED else 0.8) * speed - rate * gains * slope
        flat = flat + speed
        flat -= flat.mean(axis=0)
    return flat


def _start(vectors: Embeddings) -> Points:
    """Small principal components, so that the layout begins with the large differences."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    left, strengths, _ = np.linalg.svd(centred, full_matrices=False)
    flat = np.zeros((len(vectors), 2))
    parts = left[:, :2] * strengths[:2]
    flat[:, : parts.shape[1]] = parts
    noise = np.random.default_rng(SEED).standard_normal(flat.shape)
    return flat / max(float(flat.std()), 1e-9) * 1e-2 + noise * 1e-4


def _affinities(squares: Points, perplexity: float) -> Points:
    """Symmetric (n, n) probabilities; each row's width is searched for the wanted perplexity, by halving."""
    count = len(squares)
    squares = squares / max(float(np.median(squares)), 1e-12)
    low, high, precision = np.zeros(count), np.full(count, np.inf), np.ones(count)
    np.fill_diagonal(squares, np.inf)
    shifted = squares - squares.min(axis=1, keepdims=True)
    np.fill_diagonal(shifted, 0.0)
    rows = np.empty_like(squares)
    for _ in range(40):
        rows = np.exp(-shifted * precision[:, None])
        np.fill_diagonal(rows, 0.0)
        rows /= rows.sum(axis=1, keepdims=True)
        entropy = -(rows * np.log(np.maximum(rows, 1e-300))).sum(axis=1)
        wide = entropy > np.log(perplexity)
        low, high = np.where(wide, precision, low), np.where(wide, high, precision)
        precision = np.where(np.isinf(high), precision * 2, (low + high) / 2)
    both = rows + rows.T
    return both / both.sum()
