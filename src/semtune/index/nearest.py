"""Which FAISS index a segment gets: exact while that is fast enough, then a graph, or compressed lists; measured.

Graphs and lists find candidates by compressed vectors, which are ranked again by the vectors themselves, so that scores
are exact; those stay on disk and are read through a memory map. HNSW: Malkov and Yashunin, arXiv 1603.09320; RaBitQ:
Gao and Long, arXiv 2405.12497; both as in FAISS. What else was tried is in benchmarks/LOG.md.
"""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import asdict, dataclass
from typing import Any

import faiss
import numpy as np

from semtune.index.exact import EXACT_UP_TO
from semtune.types import Embeddings

FAISS: Any = faiss  # its types do not know the parameters of a search
LINKS, BUILD_BREADTH = 32, 200
BREADTHS = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024)  # efSearch of graphs, nprobe of lists
DEPTH, PROBES, TIMED = 10, 200, 50
AGAIN, AGAIN_LISTS = 2.0, 10.0  # results per wanted one that are ranked again by the exact vectors
TRAIN_EACH = 50  # vectors a list that k-means gets


@dataclass(frozen=True, slots=True)
class Measured:
    """What an index of a kind does.

    Attributes:
        kind: its factory string in FAISS: "Flat", "HNSW32_SQ8,RFlat" or the like of "IVF1024,RaBitQfs,RFlat".
        breadth: efSearch of a graph, nprobe of lists; 0 where nothing is approximate.
        recall: share of the ten nearest that it finds, by score, on held-out vectors.
        query_ms: median of one query on one thread.
        bytes_per_vector: in memory, without what is only on disk.
    """

    kind: str
    breadth: int
    recall: float
    query_ms: float
    bytes_per_vector: float

    def facts(self) -> dict[str, Any]:
        """For the manifest."""
        return {key: round(value, 4) if isinstance(value, float) else value for key, value in asdict(self).items()}


def build(
    vectors: Embeddings, recall: float = 0.95, memory: int = 0, probes: Embeddings | None = None
) -> tuple[faiss.Index, Measured]:
    """Index (n, dim) unit vectors by inner product so that `recall` is reached with the least work.

    Args:
        vectors: what is searched; row numbers are positions.
        recall: share of the ten nearest to be found.
        memory: bytes that the index may take; 0: any.
        probes: (m, dim) vectors of real queries to measure with; None: held-out vectors of the index itself, whose own
            row does not count.

    Returns:
        The index, its breadth set, and what it measured. Kinds are tried in the order of `kinds_for`; an exact index is
        the last.
    """
    asked, own = (vectors[sampled(len(vectors))], True) if probes is None or not len(probes) else (probes, False)
    floor = exact_floor(vectors, asked, own)
    for name in kinds_for(len(vectors), vectors.shape[1], memory):
        index = made(name, vectors)
        breadth, found = narrowest(index, vectors, asked, floor, recall, own)
        if found >= recall or name == "Flat":
            return index, Measured(
                name,
                breadth,
                found,
                query_ms(index, asked, breadth),
                bytes_per_vector(name, vectors.shape[1], len(vectors)),
            )
    raise AssertionError("the exact index is always among the kinds")


def kinds_for(count: int, dimension: int, memory: int = 0) -> list[str]:
    """The kinds to try, the preferred one first; `memory` bytes at most, 0: any."""
    if count <= EXACT_UP_TO:
        return ["Flat"]
    graph = f"HNSW{LINKS}_SQ8,RFlat"
    fits = not memory or bytes_per_vector(graph, dimension, count) * count <= memory
    return [graph if fits else lists(count), "Flat"]


def lists(count: int) -> str:
    """Lists of vectors of one bit a dimension: a tenth of a graph's memory, and built in a fifth of its time."""
    return f"IVF{2 ** round(math.log2(4 * math.sqrt(count)))},RaBitQfs,RFlat"


def made(name: str, vectors: Embeddings) -> faiss.Index:
    """An index of a kind with these vectors."""
    count, dimension = vectors.shape
    index = faiss.index_factory(dimension, name, faiss.METRIC_INNER_PRODUCT)
    if isinstance(_inner(index), faiss.IndexHNSW):
        _inner(index).hnsw.efConstruction = BUILD_BREADTH
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    if not index.is_trained:
        index.train(rows[sampled(count, _trained_on(index, count))])
    index.add(rows)
    return index


def _trained_on(index: faiss.Index, count: int) -> int:
    lists_of = _inner(index).nlist if isinstance(_inner(index), faiss.IndexIVF) else 0
    return min(count, max(20_000, TRAIN_EACH * lists_of))


def _inner(index: faiss.Index) -> Any:
    """The index itself, or the one whose results are ranked again."""
    return faiss.downcast_index(index.base_index) if isinstance(index, faiss.IndexRefine) else index


def parameters(index: faiss.Index, breadth: int, selector: faiss.IDSelector | None = None) -> Any:
    """How an index is searched: its breadth, and which rows may be found (None: all)."""
    inner = _inner(index)
    if isinstance(inner, faiss.IndexHNSW):
        chosen = FAISS.SearchParametersHNSW(efSearch=breadth, sel=selector)
    elif isinstance(inner, faiss.IndexIVF):
        chosen = FAISS.SearchParametersIVF(nprobe=breadth, sel=selector)
    else:
        return FAISS.SearchParameters(sel=selector) if selector is not None else None
    if inner is index:
        return chosen
    factor = AGAIN if isinstance(inner, faiss.IndexHNSW) else AGAIN_LISTS
    return FAISS.IndexRefineSearchParameters(k_factor=factor, base_index_params=chosen)


def search(
    index: faiss.Index, asked: Embeddings, k: int, breadth: int, selector: faiss.IDSelector | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Scores and rows, (m, k) each, of the nearest; row -1 where there are fewer."""
    wide = AGAIN * k if isinstance(_inner(index), faiss.IndexHNSW) else 0
    chosen = parameters(index, max(breadth, int(wide)), selector)
    return index.search(np.ascontiguousarray(asked, dtype=np.float32), k, params=chosen)


def narrowest(
    index: faiss.Index, vectors: Embeddings, asked: Embeddings, floor: np.ndarray, recall: float, own: bool
) -> tuple[int, float]:
    """The least breadth that reaches the recall, or the widest, with the recall found."""
    if isinstance(index, faiss.IndexFlat):
        return 0, 1.0
    found, breadth = 0.0, 0
    for breadth in BREADTHS:
        found = recall_of(index, vectors, asked, floor, breadth, own)
        if found >= recall:
            break
    return breadth, found


def exact_floor(vectors: Embeddings, asked: Embeddings, own: bool) -> np.ndarray:
    """The score of each query's tenth nearest, (m,), by exact search; without the vector itself where `own`."""
    depth = min(DEPTH + own, len(vectors))
    scores, _ = faiss.knn(
        np.ascontiguousarray(asked), np.ascontiguousarray(vectors), depth, metric=faiss.METRIC_INNER_PRODUCT
    )
    return scores[:, -1] - 1e-5


def recall_of(
    index: faiss.Index, vectors: Embeddings, asked: Embeddings, floor: np.ndarray, breadth: int, own: bool
) -> float:
    """Recall@10 by exact score, since of two equal documents either is right."""
    depth = min(DEPTH + own, index.ntotal)
    _, rows = search(index, asked, depth, breadth)
    true = np.where(rows >= 0, np.einsum("qkd,qd->qk", vectors[rows], asked), -np.inf)
    hits = (true >= floor[:, None]).sum() - (len(asked) if own else 0)
    return float(hits / (len(asked) * max(1, depth - own)))


def query_ms(index: faiss.Index, asked: Embeddings, breadth: int) -> float:
    """Median milliseconds of one query at a time."""
    waits = []
    for one in asked[:TIMED]:
        started = time.perf_counter()
        search(index, one[None], min(DEPTH, index.ntotal), breadth)
        waits.append(time.perf_counter() - started)
    return 1000 * statistics.median(waits) if waits else 0.0


def bytes_per_vector(name: str, dimension: int, count: int) -> float:
    """Memory of an index of a kind: codes, links and lists, without the vectors that stay on disk."""
    if name == "Flat":
        return 4.0 * dimension
    if name.startswith("HNSW"):
        return dimension + 4 * 2 * LINKS * 1.03 + 24  # codes; twice the links on the lowest layer; the layers above
    number = int(name.removeprefix("IVF").split(",")[0])
    return dimension / 8 + 8 + 8 + number * 4 * dimension / max(1, count)  # bits, factors, number of the row


def sampled(count: int, most: int = PROBES) -> np.ndarray:
    """At most `most` evenly spaced row numbers."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64)) if count else np.zeros(0, np.int64)
