"""How a hit was found, in the words of `--explain` and the JSON key "explain"."""

from __future__ import annotations

from typing import Any

from semtune.index.terms import analyse, query_terms
from semtune.search.candidates import Candidate, Ranked
from semtune.search.request import Request


def explained(candidate: Candidate, query: str, request: Request, language: str = "") -> dict[str, Any]:
    """Ranks and scores of a candidate: by vector, by words with the terms that matched, fused, by the cross-encoder.

    Args:
        candidate: with its document.
        query: the text.
        request: what was asked.
        language: that the index's terms were made for.
    """
    found: dict[str, Any] = {"mode": request.mode}
    if request.mode != "keyword":
        found["dense"] = {"rank": candidate.dense.rank if candidate.dense else None, "score": candidate.similarity}
    if request.mode != "dense":
        found["keyword"] = {
            **_place(candidate.keyword),
            "terms": _shared(query, candidate.found.content, language) if candidate.keyword else [],
        }
    if request.mode == "hybrid":
        how = request.fusion
        found["fusion"] = {"method": how.method, **how.as_dict(), "score": candidate.fused}
    if request.rerank:
        found["rerank"] = _place(candidate.rerank)
    return found


def _place(ranked: Ranked | None) -> dict[str, Any]:
    return {"rank": ranked.rank if ranked else None, "score": ranked.score if ranked else None}


def _shared(query: str, content: str, language: str) -> list[str]:
    there = set(analyse(content, language))
    return [term for term in query_terms(query, language) if term in there]
