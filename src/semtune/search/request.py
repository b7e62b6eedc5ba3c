"""What is asked of an index, checked."""

from __future__ import annotations

from dataclasses import dataclass, field

from semtune.errors import InputError
from semtune.index.filters import Filter
from semtune.index.fusion import DEPTH, Fusion
from semtune.search.mode import Mode

MAX_K = 1000
MAX_RERANKED = 500
POOL = 50  # hits that diversity chooses from, at least
POOL_FACTOR = 5  # times k, likewise
DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Request:
    """Everything about a search but the query.

    Attributes:
        k: maximum number of hits.
        mode: how candidates are found.
        where: the filter, parsed.
        floor: the lowest similarity of a hit; None: any.
        fusion: how the rankings of a hybrid search are fused.
        rerank: number of hits that the cross-encoder reads; 0: none.
        group_by: "document" or a field of the metadata: one hit for each value; empty: every hit by itself.
        diversity: from 0, the best hits, to 1, hits that differ most from each other.
        explain: tell how each hit was found.
        highlight: find the sentence that answers.
    """

    k: int = 10
    mode: Mode = "dense"
    where: Filter | None = None
    floor: float | None = None
    fusion: Fusion = field(default_factory=Fusion)
    rerank: int = 0
    group_by: str = ""
    diversity: float = 0.0
    explain: bool = False
    highlight: bool = False

    def check(self) -> None:
        """Refuse what is out of range.

        Raises:
            InputError: a value is not allowed.
        """
        if not 1 <= self.k <= MAX_K:
            raise InputError(f"k is {self.k}; allowed: 1 to {MAX_K}.")
        if not 0 <= self.rerank <= MAX_RERANKED:
            raise InputError(f"rerank is {self.rerank}; allowed: 0 (off) to {MAX_RERANKED} hits.")
        if not 0.0 <= self.diversity <= 1.0:
            raise InputError(f"diversity is {self.diversity}; allowed: 0 (the best hits) to 1 (the most different).")

    @property
    def pool(self) -> int:
        """Number of candidates that groups and diversity choose from."""
        return max(POOL, POOL_FACTOR * self.k)

    @property
    def depth(self) -> int:
        """Number of candidates that are needed of each ranking."""
        pool = self.pool if self.group_by or self.diversity else 0
        return max(self.k, self.rerank, pool, DEPTH if self.mode == "hybrid" else 0)
