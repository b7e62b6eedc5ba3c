"""A small world to recommend in: documents with known vectors, and baskets made of two tastes."""

from __future__ import annotations

import csv

import numpy as np

from semtune.testing import ExactCollection, toy_manifest
from semtune.types import Document


def collection_of(vectors, ids=None, metadata=None, texts=None):
    """An exact collection in memory of (n, dim) vectors, made unit."""
    vectors = np.asarray(vectors, np.float32)
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    ids = ids or [f"d{n}" for n in range(len(vectors))]
    made = ExactCollection(toy_manifest(vectors.shape[1]))
    rows = [
        Document(id_, texts[n] if texts else f"text of {id_}", metadata=metadata[n] if metadata else {})
        for n, id_ in enumerate(ids)
    ]
    made.upsert(rows, vectors)
    return made


def write_csv(path, header, rows):
    """A table; gives its path."""
    with path.open("w", newline="") as out:
        csv.writer(out).writerows([header, *rows])
    return path


def tastes(users=400, groups=10, each=12, seed=0, dim=16, told=0.0):
    """Vectors of items in hidden groups, and (user, item, time) events: each user keeps to one group.

    Args:
        users, groups: numbers.
        each: items of a group.
        seed: of everything.
        dim: of the vectors.
        told: how much the vectors say of the groups; 0: nothing.
    """
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(groups, dim))
    group = np.repeat(np.arange(groups), each)
    vectors = rng.normal(size=(groups * each, dim)) + told * centres[group]
    events = []
    for user in range(users):
        mine = np.flatnonzero(group == rng.integers(groups))
        start = rng.integers(0, 100_000)
        for step, item in enumerate(rng.permutation(mine)[: rng.integers(3, 7)].tolist()):
            events.append((f"u{user}", f"d{item}", int(start + step)))
    return vectors, events
