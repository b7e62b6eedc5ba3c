"""The recommendation: which candidates keep to the limits and are on the Pareto front, and which one to use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from semtune.metrics import Comparison
from semtune.select.candidate_result import CandidateResult
from semtune.select.cost import index_mb
from semtune.select.quality import Quality
from semtune.select.settings import ServingLimits

CLOSE = 0.01  # of the metric, the most given up for speed, and only if the difference is not significant
FASTER = 1.2  # factor; smaller gains are not noticeable and within the noise of measurements


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The recommended candidate.

    Attributes:
        name: of the candidate; empty if none keeps to the limits.
        best: the candidate with the highest value among those that keep to the limits; empty if none does.
        behind: by how much the best is better than the recommended one; None if they are the same.
    """

    name: str
    best: str
    behind: Comparison | None = None


def broken_limits(limits: ServingLimits, row: CandidateResult) -> list[str]:
    """The limits that a candidate exceeds, in words."""
    cost, dim = row.cost, row.candidate.contract.dimension
    weights = row.candidate.weights_bytes / 1e6
    memory = cost.memory_mb if cost.memory_mb is not None else weights
    facts = {
        "latency_ms": (cost.p95_ms, f"its p95 latency of one query is {cost.p95_ms:,.1f} ms"),
        "dim": (dim, f"its vectors have {dim:,} dimensions"),
        "memory_mb": (memory, f"it takes {memory:,.0f} MB of memory"),
        "index_mb": (index_mb(dim), f"a million of its vectors take {index_mb(dim):,.0f} MB"),
    }
    return [
        f"{facts[name][1]}, the limit is {limit:g}" for name, limit in limits.given().items() if facts[name][0] > limit
    ]


def pareto_front(points: Sequence[tuple[float, float]], slack: float = 1.0) -> list[int]:
    """Positions of the (quality, milliseconds) points on the Pareto front: no other point is both better and faster.

    Times that differ by less than the factor `slack` count as equally fast.
    """
    return [
        i
        for i, (quality, time) in enumerate(points)
        if not any(q >= quality and t <= time * slack and (q > quality or t * slack < time) for q, t in points)
    ]


def recommend(rows: Mapping[str, CandidateResult], gain: Callable[[Quality, Quality], Comparison]) -> Recommendation:
    """Recommend the best candidate, or the fastest of those that are as good.

    A candidate is as good as the best if it is at most `CLOSE` worse and the difference is not significant (its 95 %
    interval includes 0). It is faster if it answers a query at least `FASTER` times as fast.

    Args:
        rows: the candidates that keep to the limits and finished their trials.
        gain: compares two results on the same queries.
    """
    if not rows:
        return Recommendation("", "")
    best = max(sorted(rows), key=lambda name: rows[name].best.value)
    behind: dict[str, Comparison] = {}
    for name, row in rows.items():
        if name == best or row.cost.p50_ms * FASTER > rows[best].cost.p50_ms:
            continue
        if rows[best].best.value - row.best.value > CLOSE:
            continue
        found = gain(rows[best].best, row.best)
        if found.low <= 0:
            behind[name] = found
    if not behind:
        return Recommendation(best, best)
    taken = min(sorted(behind), key=lambda name: rows[name].cost.p50_ms)
    return Recommendation(taken, best, behind[taken])
