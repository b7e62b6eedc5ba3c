"""The choice: who keeps to the limits, who is on the Pareto front, whom to take and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from semtune.metrics import Comparison
from semtune.select.candidate_result import CandidateResult
from semtune.select.cost import index_mb
from semtune.select.quality import Quality
from semtune.select.settings import ServingLimits

CLOSE = 0.01  # of the metric: what may be given up for speed, and only if chance could have made the difference
FASTER = 1.2  # times: less is no gain that somebody notices, and within what a measurement repeats to


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Whom to take.

    Attributes:
        name: the candidate; empty where none keeps to the limits.
        best: the one with the highest value among those that do; empty likewise.
        behind: what the taken one lacks to the best; None where they are the same.
    """

    name: str
    best: str
    behind: Comparison | None = None


def broken_limits(limits: ServingLimits, row: CandidateResult) -> list[str]:
    """The limits that a candidate breaks, in words."""
    cost, dim = row.cost, row.candidate.contract.dimension
    weights = row.candidate.weights_bytes / 1e6
    memory = cost.memory_mb if cost.memory_mb is not None else weights
    facts = {
        "latency_ms": (cost.p95_ms, f"95 % of its queries take up to {cost.p95_ms:,.1f} ms"),
        "dim": (dim, f"its vectors have {dim:,} dimensions"),
        "memory_mb": (memory, f"it takes {memory:,.0f} MB of memory"),
        "index_mb": (index_mb(dim), f"a million of its vectors take {index_mb(dim):,.0f} MB"),
    }
    return [
        f"{facts[name][1]}, the limit is {limit:g}" for name, limit in limits.given().items() if facts[name][0] > limit
    ]


def pareto_front(points: Sequence[tuple[float, float]], slack: float = 1.0) -> list[int]:
    """Which (quality, milliseconds) no other beats: is as good and as fast, and better or faster; positions, in order.

    With `slack`, one that takes up to so many times as long still counts as equally fast.
    """
    return [
        i
        for i, (quality, time) in enumerate(points)
        if not any(q >= quality and t <= time * slack and (q > quality or t * slack < time) for q, t in points)
    ]


def recommend(rows: Mapping[str, CandidateResult], gain: Callable[[Quality, Quality], Comparison]) -> Recommendation:
    """Take the best, or the fastest of those that are as good.

    As good is who lacks no more than `CLOSE` to the best and cannot be told from it (the 95 % interval of the
    difference reaches 0); faster is who answers a query `FASTER` times as fast.

    Args:
        rows: those who keep to the limits and were tried to the end.
        gain: of one result over another on the same queries.
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
