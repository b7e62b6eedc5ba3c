"""Hybrid search: the rankings of vectors and of words become one.

By reciprocal rank (Cormack, Clarke & Büttcher 2009), or by a weighted sum of scores, each brought to 0 ... 1. Both look
at the two rankings alone, so that what an evaluation measured is what an index serves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from semtune.index.collection import Match

RANK_CONSTANT = 60  # the paper's, not tuned to any data set; the larger, the less the first ranks dominate
DEPTH = 100  # best documents of each ranking that are fused


@dataclass(frozen=True, slots=True)
class Fusion:
    """How two rankings are fused.

    Attributes:
        weight: of the vectors' scores, from 0 to 1, the words' has the rest; None: by reciprocal rank.
        k: the constant of reciprocal rank.
    """

    weight: float | None = None
    k: int = RANK_CONSTANT

    @property
    def method(self) -> str:
        """Its name in `explain`."""
        return "reciprocal rank" if self.weight is None else "weighted sum"

    def as_dict(self) -> dict[str, Any]:
        """As it is kept in the manifest of an index."""
        return {"k": self.k} if self.weight is None else {"weight": self.weight}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Fusion:
        """From a manifest; an empty mapping gives reciprocal rank."""
        return cls(kept.get("weight"), int(kept.get("k", RANK_CONSTANT)))


def fuse(dense: Sequence[Match], keyword: Sequence[Match], fusion: Fusion) -> list[Match]:
    """All documents of both rankings by fused score, best first; ties as in `dense`, then as in `keyword`.

    Args:
        dense: by vectors, best first.
        keyword: by words, best first.
        fusion: how.
    """
    parts = _reciprocal(dense, keyword, fusion.k) if fusion.weight is None else _sum(dense, keyword, fusion.weight)
    fused: dict[str, float] = {}
    for match in parts:
        fused[match.id] = fused.get(match.id, 0.0) + match.score
    return sorted((Match(id_, score) for id_, score in fused.items()), key=lambda match: -match.score)


def _reciprocal(dense: Sequence[Match], keyword: Sequence[Match], k: int) -> list[Match]:
    return [Match(m.id, 1.0 / (k + rank)) for ranked in (dense, keyword) for rank, m in enumerate(ranked, start=1)]


def _sum(dense: Sequence[Match], keyword: Sequence[Match], weight: float) -> list[Match]:
    """Scores between those of the first and the hundredth vector; of words, shares of the best score."""
    found: list[Match] = []
    if dense:
        high, low = dense[0].score, dense[:DEPTH][-1].score
        found += [Match(m.id, weight * _between(m.score, low, high)) for m in dense]
    if keyword:
        best = keyword[0].score
        found += [Match(m.id, (1 - weight) * (m.score / best if best > 0 else 0.0)) for m in keyword]
    return found


def _between(score: float, low: float, high: float) -> float:
    return max(0.0, (score - low) / (high - low)) if high > low else 1.0
