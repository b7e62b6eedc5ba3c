"""What a search may be asked beside its query."""

from __future__ import annotations

from dataclasses import dataclass

from semtune.index.where import Where
from semtune.search.mode import SearchMode


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """Everything that may be asked of a search, as a user gives it; `Searcher` checks it.

    Attributes:
        k: maximum number of hits.
        min_score: drop hits whose vectors are less similar than this: a score, or the name of a threshold
            ("best-f1", "p0.9").
        where: a filter on the metadata: `"lang=de and year>=2020"`, or `{"lang": "de", "year": {">=": 2020}}`.
        mode: "dense" (vectors), "keyword" (BM25), "hybrid" (both), or "auto": what the index remembers.
        rerank: number of best hits that the cross-encoder reads and sorts anew; None: none.
        group_by: one hit for each "document" that passages come from, or for each value of a field.
        diversity: from 0 to 1: prefer hits that differ from those before (maximal marginal relevance).
        explain: say how each hit was found.
        highlight: find the sentence of each hit that answers.
    """

    k: int = 10
    min_score: str | float | None = None
    where: Where | None = None
    mode: SearchMode = "auto"
    rerank: int | None = None
    group_by: str | None = None
    diversity: float = 0.0
    explain: bool = False
    highlight: bool = False
