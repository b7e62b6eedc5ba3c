"""Lengths in tokens as JSON: their distribution, and how many exceed the model's limit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 32  # approximate number of bars; it keeps the report small for any source
FAR = 4  # times the limit; longer texts are counted in the last bar


def spread(lengths: Sequence[int], limit: int) -> dict[str, Any]:
    """Median, 95th percentile and maximum, how many exceed the limit, and a histogram.

    The histogram has `edges` (n + 1) and `counts` (n). One edge lies just above the limit, so that no bar mixes
    texts that fit with texts that do not. Texts longer than `FAR` times the limit are counted in the last bar.
    """
    order = np.sort(np.asarray(lengths, dtype=np.int64))
    if not order.size:
        return {"median": 0, "p95": 0, "max": 0, "truncated": 0, "histogram": {"edges": [], "counts": []}}
    return {
        "median": int(order[(order.size - 1) // 2]),
        "p95": int(order[int(0.95 * (order.size - 1))]),
        "max": int(order[-1]),
        "truncated": int((order > limit).sum()),
        "histogram": _histogram(order, limit),
    }


def _histogram(order: NDArray[np.int64], limit: int) -> dict[str, list[int]]:
    longest = int(min(order[-1], FAR * limit))
    width = max(1, -(-longest // BINS))
    first = limit + 1 - width * -(-(limit + 1) // width)
    bars = -(-(longest + 1 - first) // width)
    edges = [first + width * number for number in range(bars + 1)]
    counts, _ = np.histogram(np.minimum(order, edges[-1] - 1), bins=edges)
    return {"edges": [max(edge, 0) for edge in edges], "counts": [int(count) for count in counts]}
