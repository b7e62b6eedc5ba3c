"""Which kind of FAISS index a segment gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import faiss

from semtune.index.exact import EXACT_UP_TO

LINKS, BUILD_BREADTH, SEARCH_BREADTH = 32, 200, 128
SHORTENED = 4  # times as many candidates from kinds that keep vectors in a shortened form
WIDEST = 4096  # candidates of a filtered search in a graph


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of FAISS index.

    Attributes:
        name: FAISS's factory name: "Flat", "HNSW32".
        facts: what was measured to choose it; recorded with the segment.
    """

    name: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def make(self, dimension: int) -> faiss.Index:
        """An empty index of this kind for inner products."""
        index = faiss.index_factory(dimension, self.name, faiss.METRIC_INNER_PRODUCT)
        if isinstance(index, faiss.IndexHNSW):
            index.hnsw.efConstruction = BUILD_BREADTH
            index.hnsw.efSearch = SEARCH_BREADTH
        return index


def choose(count: int, dimension: int) -> Kind:
    """The kind for `count` vectors of a dimension: exact up to `EXACT_UP_TO`, else a graph."""
    del dimension
    return Kind("Flat") if count <= EXACT_UP_TO else Kind(f"HNSW{LINKS}")


def oversample(kind: str) -> int:
    """How many times `k` candidates a kind is asked for; they are compared again with their vectors as given."""
    return 1 if kind in {"Flat", f"HNSW{LINKS}"} else SHORTENED


def parameters(index: faiss.Index, selector: faiss.IDSelector | None, share: float) -> faiss.SearchParameters | None:
    """How to search an index of which only a part may be found.

    Args:
        index: of one of the kinds above.
        selector: says which positions may be found; None: all.
        share: of the positions that may be found. A graph looks at more candidates where it is small.
    """
    if selector is None:
        return None
    made: Any = faiss  # its stubs lack keywords
    if isinstance(index, faiss.IndexHNSW):
        breadth = min(WIDEST, int(index.hnsw.efSearch / max(share, 1e-3)))
        return made.SearchParametersHNSW(sel=selector, efSearch=breadth)
    return made.SearchParameters(sel=selector)
