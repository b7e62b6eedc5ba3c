"""A map of the embeddings: documents and queries on their two principal components, before and after tuning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from semtune.dataset import Dataset
from semtune.metrics import unit
from semtune.protocols import Encoder
from semtune.report.svg import GOOD, MUTED, SYSTEMS, canvas, to_svg
from semtune.types import Document, Embeddings, Split

if TYPE_CHECKING:
    from markupsafe import Markup

QUERIES, DOCUMENTS = 80, 240
Points = NDArray[np.float64]  # (n, 2)


@dataclass(frozen=True, slots=True)
class MapSample:
    """What is drawn: queries, documents, and which belong together as (query, document) positions."""

    queries: tuple[str, ...]
    documents: tuple[str, ...]
    links: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingMap:
    """Positions of a sample under one model.

    Attributes:
        queries, documents: (n, 2) positions.
        links: (query, document) that belong together.
        explained: share of the sample's variance in these two components.
        near, far: mean cosine of the queries to their relevant documents, and to all other documents of the sample.
    """

    queries: Points
    documents: Points
    links: tuple[tuple[int, int], ...]
    explained: float
    near: float
    far: float


def draw(dataset: Dataset, split: Split, seed: int = 0) -> MapSample | None:
    """Labelled queries, one relevant document of each, and other documents; None for tasks without search."""
    documents = {document.id: document for document in dataset.corpus}
    judged = {
        query: next(name for name, grade in row.items() if grade > 0 and name in documents)
        for query, row in (dataset.qrels.get(split) or {}).items()
        if query in dataset.queries and any(grade > 0 and name in documents for name, grade in row.items())
    }
    if not judged:
        return None
    rng = np.random.default_rng(seed)
    names = list(judged)
    asked = [names[row] for row in sorted(rng.permutation(len(names))[:QUERIES].tolist())]
    answers = list(dict.fromkeys(judged[query] for query in asked))
    room = DOCUMENTS - len(answers)
    others = [document.id for document in _drawn(dataset.corpus, DOCUMENTS, rng) if document.id not in set(answers)]
    shown = answers + others[:room]
    at = {name: row for row, name in enumerate(shown)}
    return MapSample(
        queries=tuple(dataset.queries[query].text for query in asked),
        documents=tuple(documents[name].content for name in shown),
        links=tuple((row, at[judged[query]]) for row, query in enumerate(asked)),
    )


def _drawn(corpus: list[Document], count: int, rng: np.random.Generator) -> list[Document]:
    return [corpus[row] for row in rng.permutation(len(corpus))[:count]]


def chart(encoder: Encoder, sample: MapSample) -> EmbeddingMap | None:
    """Encode a sample and reduce it to two principal components; None for vectors with NaN."""
    queries = unit(encoder.encode(sample.queries, "query").vectors)
    documents = unit(encoder.encode(sample.documents, "document").vectors)
    if not (np.isfinite(queries).all() and np.isfinite(documents).all()):
        return None
    cosines = queries @ documents.T
    linked = np.zeros(cosines.shape, dtype=bool)
    linked[tuple(np.array(sample.links).T)] = True
    flat, explained = plane(np.concatenate([queries, documents]))
    return EmbeddingMap(
        queries=flat[: len(queries)],
        documents=flat[len(queries) :],
        links=sample.links,
        explained=explained,
        near=float(cosines[linked].mean()),
        far=float(cosines[~linked].mean()) if (~linked).any() else float("nan"),
    )


def plane(vectors: Embeddings) -> tuple[Points, float]:
    """(n, dim) vectors on their first two principal components, and the share of variance in these."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, strengths, directions = np.linalg.svd(centred, full_matrices=False)
    total = float((strengths**2).sum())
    flat = centred @ directions[:2].T
    flat = np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))
    return flat, float((strengths[:2] ** 2).sum() / total) if total else 1.0


def turned(moved: EmbeddingMap, reference: EmbeddingMap) -> EmbeddingMap:
    """The same map, rotated and mirrored to match another map of the same sample as closely as possible.

    The direction of principal components is arbitrary, and would look like a difference between the models.
    """
    here = np.concatenate([moved.queries, moved.documents])
    left, _, right = np.linalg.svd(here.T @ np.concatenate([reference.queries, reference.documents]))
    turn = left @ right
    return EmbeddingMap(
        moved.queries @ turn, moved.documents @ turn, moved.links, moved.explained, moved.near, moved.far
    )


def plot(name: str, title: str, drawn: EmbeddingMap, reach: float) -> Markup:
    """Queries and documents on two principal components; both axes go from `-reach` to `reach` at least."""
    with canvas() as (plot, axes):
        for query, document in drawn.links:
            (x, y), (u, v) = drawn.queries[query], drawn.documents[document]
            axes.plot([x, u], [y, v], color=GOOD, linewidth=0.6, alpha=0.6)
        axes.plot(*drawn.documents.T, "o", color=MUTED, markersize=2.6, alpha=0.6, markeredgewidth=0, label="documents")
        colour = SYSTEMS["tuned"]  # the same for every system, and far from that of the documents
        axes.plot(*drawn.queries.T, "o", color=colour, markersize=3.4, markeredgewidth=0, label="queries")
        axes.set_xlim(-reach, reach, auto=True)  # not fixed: "equal" below may widen one of the two axes
        axes.set_ylim(-reach, reach, auto=True)
        axes.set_aspect("equal", adjustable="datalim")
        axes.tick_params(labelbottom=False, labelleft=False)
        plot.legend(loc="outside upper left", ncols=2)
        return to_svg(plot, f"map-{name}", f"{title}: map of queries and documents")
