"""Which FAISS index a segment gets: exact while that is fast enough, then a graph, or compressed lists; measured.

Graphs and lists find candidates by compressed vectors, which are ranked again by the vectors themselves, so that scores
are exact; those stay on disk and are read through a memory map. HNSW: Malkov and Yashunin, arXiv 1603.09320; RaBitQ:
Gao and Long, arXiv 2405.12497; both as in FAISS. What else was tried is in benchmarks/LOG.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from semtune.index.exact import EXACT_UP_TO
from semtune.types import Embeddings

FAISS: Any = faiss  # its stubs lack the parameters of a search
LINKS, BUILD_BREADTH = 32, 200
GRAPH = f"HNSW{LINKS}_SQ8,RFlat"
BREADTHS = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024)  # efSearch of graphs, nprobe of lists
FILTERED, WIDEST = 128, 4096  # the same of a filtered search: what passes may lie far from the question
AGAIN_GRAPH, AGAIN_LISTS = 2, 10  # candidates per wanted result that are compared again
DEPTH, PROBES, SOME = 10, 200, 50
SHARES = (0.5, 0.2, 0.1, 0.05)  # of the vectors, that pass a filter; fewer are compared one by one
ROUNDING = 1e-5  # of scores


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of FAISS index.

    Attributes:
        name: its factory name: "Flat", "HNSW32_SQ8,RFlat" or the like of "IVF1024,RaBitQfs,RFlat".
        facts: why it was chosen; recorded with the segment.
    """

    name: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_exact(self) -> bool:
        """Whether all vectors are compared."""
        return self.name == "Flat"

    def make(self, dimension: int) -> faiss.Index:
        """An empty index of this kind for inner products."""
        index = faiss.index_factory(dimension, self.name, faiss.METRIC_INNER_PRODUCT)
        inner = searched(index)
        if isinstance(inner, faiss.IndexHNSW):
            inner.hnsw.efConstruction = BUILD_BREADTH
        return index


def choose(count: int, dimension: int, memory: int = 0) -> Kind:
    """The kind for `count` vectors of a dimension that takes `memory` bytes at most (0: any)."""
    if count <= EXACT_UP_TO:
        return Kind("Flat")
    fits = not memory or bytes_per_vector(GRAPH, dimension, count) * count <= memory
    return Kind(GRAPH if fits else lists(count))


def instead(kind: Kind, facts: Mapping[str, Any]) -> Kind:
    """What takes the place of a kind that did not reach the recall: of lists a graph, of a graph exact search."""
    first = {"instead_of": kind.name, "its_recall": facts["recall"]}
    before = {name: facts[name] for name in first if name in facts}  # of two that did not, the first is named
    return Kind(GRAPH if kind.name.startswith("IVF") else "Flat", before or first)


def lists(count: int) -> str:
    """Lists of vectors of one bit a dimension: a tenth of a graph's memory, and built in a fifth of its time."""
    return f"IVF{2 ** round(math.log2(4 * math.sqrt(count)))},RaBitQfs,RFlat"


def searched(index: faiss.Index) -> Any:
    """The part of an index that is searched: of one that ranks again, what it ranks."""
    return faiss.downcast_index(index.base_index) if isinstance(index, faiss.IndexRefine) else index


def stored(index: faiss.Index) -> Embeddings:
    """The (count, dim) vectors as they were given, not copied.

    Raises:
        ValueError: the kind keeps them in a shortened form only; `choose` gives no such kind.
    """
    kept = index.refine_index if isinstance(index, faiss.IndexRefine) else index
    flat = faiss.downcast_index(kept)
    if not isinstance(flat, faiss.IndexFlat):
        raise ValueError(f"{type(flat).__name__} does not keep vectors as they were given")
    if not flat.ntotal:
        return np.empty((0, flat.d), dtype=np.float32)
    return faiss.rev_swig_ptr(flat.get_xb(), flat.ntotal * flat.d).reshape(flat.ntotal, flat.d)


def oversample(kind: str) -> int:
    """How many times `k` candidates a kind is asked for; they are compared again with their vectors as given."""
    return AGAIN_LISTS if kind.startswith("IVF") else AGAIN_GRAPH if "SQ" in kind else 1


def parameters(index: faiss.Index, selector: faiss.IDSelector | None, share: float) -> Any:
    """How to search an index of which only a part may be found.

    Args:
        index: what `searched` gives.
        selector: says which positions may be found; None: all.
        share: of the positions that may be found. Graphs and lists are searched wider where it is small.
    """
    if selector is None:
        return None
    wider = 1 / max(share, 1e-3)
    if isinstance(index, faiss.IndexHNSW):
        return FAISS.SearchParametersHNSW(
            sel=selector, efSearch=min(WIDEST, int(max(FILTERED, index.hnsw.efSearch) * wider))
        )
    if isinstance(index, faiss.IndexIVF):
        return FAISS.SearchParametersIVF(
            sel=selector, nprobe=min(index.nlist, int(max(FILTERED, index.nprobe) * wider))
        )
    return FAISS.SearchParameters(sel=selector)


def tune(index: faiss.Index, kind: Kind, recall: float, probes: Embeddings | None = None) -> dict[str, Any]:
    """Set the narrowest search that reaches `recall`, or the widest, and measure it.

    Args:
        index: whole, with its vectors as given.
        kind: of the index.
        recall: share of the ten nearest to be found, by exact score, since of two equal documents either is right.
        probes: (m, dim) vectors of real queries; None: vectors of the index, whose own row does not count.

    Returns:
        The facts of the kind, with breadth, recall, bytes_per_vector in memory, and filtered_recall (share that passes
        → recall) where a filter's matches are not all compared.
    """
    vectors = stored(index)
    own = probes is None or not len(probes)
    asked = vectors[_sampled(len(vectors))] if probes is None or own else probes
    breadth, found = (0, 1.0) if kind.is_exact else _narrowest(index, kind, vectors, asked, own, recall)
    filtered = {} if kind.is_exact else {str(share): _filtered(index, kind, vectors, asked, share) for share in SHARES}
    return {
        **kind.facts,
        **({"filtered_recall": filtered} if filtered else {}),
        "breadth": breadth,
        "recall": round(found, 4),
        "measured_with": "documents" if own else "queries",
        "bytes_per_vector": round(bytes_per_vector(kind.name, index.d, len(vectors)), 1),
    }


def _narrowest(
    index: faiss.Index, kind: Kind, vectors: Embeddings, asked: Embeddings, own: bool, recall: float
) -> tuple[int, float]:
    floor = _tenth_best(vectors, asked, own)
    depth = min(DEPTH + own, len(vectors))
    inner, found, breadth = searched(index), 0.0, 0
    for breadth in BREADTHS:
        _widen(inner, breadth)
        best = _best_scores(inner, kind, vectors, asked, depth)
        hits = (best >= floor[:, None]).sum() - (len(asked) if own else 0)
        found = float(hits / (len(asked) * max(1, depth - own)))
        if found >= recall:
            break
    return breadth, found


def _best_scores(
    inner: Any, kind: Kind, vectors: Embeddings, asked: Embeddings, depth: int, how: Any = None
) -> NDArray[np.float32]:
    """The (m, depth) best exact scores of what a search finds, best first; -inf where it finds fewer."""
    given = np.ascontiguousarray(asked)
    _, rows = inner.search(given, min(len(vectors), depth * oversample(kind.name)), params=how)
    scores = np.where(rows >= 0, np.einsum("qkd,qd->qk", vectors[rows], asked), -np.inf)
    return -np.sort(-scores, axis=1)[:, :depth]


def _filtered(index: faiss.Index, kind: Kind, vectors: Embeddings, asked: Embeddings, share: float) -> float:
    """Recall@10 where only a random share of the vectors may be found."""
    allowed = np.random.default_rng(DEPTH).random(len(vectors)) < share
    selector = FAISS.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
    inner, some = searched(index), np.ascontiguousarray(asked[:SOME])
    how = parameters(inner, selector, share)
    best = _best_scores(inner, kind, vectors, some, DEPTH, how)
    passing = np.ascontiguousarray(vectors[allowed])
    exact, _ = faiss.knn(some, passing, min(DEPTH, len(passing)), metric=faiss.METRIC_INNER_PRODUCT)
    return round(float((best[:, : exact.shape[1]] >= exact[:, -1:] - ROUNDING).mean()), 4)


def _widen(inner: Any, breadth: int) -> None:
    if isinstance(inner, faiss.IndexHNSW):
        inner.hnsw.efSearch = breadth
    else:
        inner.nprobe = breadth


def _tenth_best(vectors: Embeddings, asked: Embeddings, own: bool) -> NDArray[np.float32]:
    """The score of each query's tenth nearest, (m,), by exact search, and a little less; not counting its own row."""
    depth = min(DEPTH + own, len(vectors))
    given = np.ascontiguousarray(asked)
    scores, _ = faiss.knn(given, np.ascontiguousarray(vectors), depth, metric=faiss.METRIC_INNER_PRODUCT)
    return scores[:, -1] - ROUNDING


def bytes_per_vector(name: str, dimension: int, count: int) -> float:
    """Memory of a kind: codes, links and lists, without the vectors that are only read from disk."""
    if name == "Flat":
        return 4.0 * dimension
    if name.startswith("HNSW"):
        return dimension + 4 * 2 * LINKS * 1.03 + 24  # codes; twice the links on the lowest layer; the layers above
    number = int(name.removeprefix("IVF").split(",")[0])
    return dimension / 8 + 8 + 8 + number * 4 * dimension / max(1, count)  # bits, factors, number of the row


def _sampled(count: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, count - 1, min(count, PROBES)).astype(np.int64))
