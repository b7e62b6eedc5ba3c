"""Shares of items that are right: the interval of one, and the paired comparison of two."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from semtune.metrics.significance import NORMAL
from semtune.metrics.statistics import Comparison

Right = NDArray[np.bool_]  # (n,) whether each item is right


def proportion_interval(right: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The interval of a share (Wilson 1927), which is sensible near 0 and 1, too; 0 to 1 of no items.

    Example:
        >>> low, high = proportion_interval(9, 10)
        >>> round(low, 3), round(high, 3)
        (0.596, 0.982)
    """
    if not n:
        return 0.0, 1.0
    z = NORMAL.inv_cdf(0.5 + level / 2)
    share, spread = right / n, z * z / n
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def compare_proportions(a: Right, b: Right, seed: int = 0, samples: int = 10_000) -> Comparison:
    """Compare two systems on the same items, each right or wrong on them.

    The p-value is that of the exact test of McNemar: if the systems are alike, an item on which they differ goes to
    either of them with probability 1/2. The interval is that of the paired bootstrap; since an item's difference is
    -1, 0 or 1, a sample is one draw from the multinomial distribution.

    Args:
        a: (n,) whether the first system is right.
        b: (n,) whether the second one is, in the same order.
        seed: of the bootstrap.
        samples: of the bootstrap.
    """
    n, won, lost = len(a), int((a & ~b).sum()), int((b & ~a).sum())
    shares = np.array([lost, won, n - won - lost]) / n
    drawn = np.random.default_rng(seed).multinomial(n, shares, samples)
    low, high = np.quantile((drawn[:, 1] - drawn[:, 0]) / n, [0.025, 0.975])
    differing = won + lost
    tail = sum(math.comb(differing, k) for k in range(min(won, lost) + 1))
    return Comparison((won - lost) / n, float(low), float(high), min(1.0, 2 * tail / 2**differing))
