"""The topics as they are kept: what gives every text, old or new, its topic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semtune.tasks.topics.micro import means, nearest
from semtune.tasks.topics.projection import Projection
from semtune.tasks.topics.ward import Labels
from semtune.types import Embeddings
from semtune.unit_vectors import unit

NOISE = -1
LEAST_SPREAD = 0.02  # of the cosines of a topic's texts; copies of one text must not make a topic of no width


@dataclass(frozen=True, slots=True)
class TopicModel:
    """Centres of topics; a topic that was merged by hand has several.

    Attributes:
        projection: applied to every vector.
        centres: (c, components) unit vectors.
        owner: (c,) the topic of each centre.
        floor: (c,) the cosine below which a text is too far from the centre to belong to the topic.
        ids: (topics,) names that stay the same from run to run.
    """

    projection: Projection
    centres: Embeddings
    owner: Labels
    floor: NDArray[np.float32]
    ids: tuple[str, ...]

    def assign(self, vectors: Embeddings) -> Assigned:
        """The topic of each of (n, dim) vectors."""
        return self.assign_projected(self.projection.apply(vectors))

    def assign_projected(self, projected: Embeddings) -> Assigned:
        """The topic of each of (n, components) projected vectors."""
        found = nearest(projected, self.centres)
        inside = found.cosine >= self.floor[found.best]
        return Assigned(np.where(inside, self.owner[found.best], NOISE), self.owner[found.best], found.cosine)

    def middles(self) -> Embeddings:
        """(topics, components) a unit vector for each topic: the mean of its centres."""
        return unit(means(self.centres, self.owner, len(self.ids))).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Assigned:
    """Where texts belong.

    Attributes:
        topic: (n,) number of the topic, `NOISE` for none.
        near: (n,) the topic whose centre is the most similar, also for noise.
        cosine: (n,) to that centre.
    """

    topic: Labels
    near: Labels
    cosine: NDArray[np.float32]


def floors(cosine: NDArray[np.float32], best: Labels, count: int, noise: float) -> NDArray[np.float32]:
    """(count,) the cosine below which a text is noise, so that a share `noise` of all texts is.

    A topic's floor lies below its median by its spread times a factor that is the same for all topics: loose topics may
    be loose, and texts far outside a tight topic stand out. A fixed share of every topic would call texts of a
    perfectly tight topic noise.

    Args:
        cosine: (n,) of each text to its centre.
        best: (n,) that centre.
        count: of centres.
        noise: share of the texts, from 0 to 1.
    """
    middle, spread = np.zeros(count), np.full(count, LEAST_SPREAD)
    order = np.argsort(best, kind="stable")
    bounds = np.searchsorted(best[order], np.arange(count + 1))
    for place in range(count):
        mine = cosine[order[bounds[place] : bounds[place + 1]]]
        if len(mine):
            middle[place] = np.median(mine)
            spread[place] = max(LEAST_SPREAD, float(np.median(np.abs(mine - middle[place]))))
    if not noise:
        return np.full(count, -2.0, dtype=np.float32)
    far = (middle[best] - cosine) / spread[best]
    factor = float(np.quantile(far, 1 - noise))
    return (middle - factor * spread).astype(np.float32)


def sizes_of(topic: Labels, count: int) -> Labels:
    """(count,) number of texts of each topic."""
    return np.bincount(topic[topic >= 0], minlength=count).astype(np.int64)


def model_of(
    projection: Projection, projected: Embeddings, groups: Sequence[Labels], owner: Labels, ids: Sequence[str],
    noise: float,
) -> TopicModel:  # fmt: skip
    """A model with a centre for each group of rows of the (n, components) projected vectors."""
    centres = np.stack([unit(projected[rows].mean(axis=0, dtype=np.float64)[None])[0] for rows in groups])
    return with_floors(projection, projected, centres.astype(np.float32), owner, ids, noise)


def with_floors(
    projection: Projection, projected: Embeddings, centres: Embeddings, owner: Labels, ids: Sequence[str], noise: float
) -> TopicModel:
    """A model whose floors make a share `noise` of the texts noise."""
    found = nearest(projected, centres)
    floor = floors(found.cosine, found.best, len(centres), noise)
    return TopicModel(projection, centres, owner, floor, tuple(ids))
