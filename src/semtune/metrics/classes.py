"""Metrics for classification and clustering; values equal scikit-learn's.

V-measure: Rosenberg & Hirschberg 2007. It equals 2 I(class; cluster) / (H(class) + H(cluster)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]  # (n,) one value per item
Numbers = NDArray[np.int64]  # (n,) the number of each item's class or cluster


@dataclass(frozen=True, slots=True)
class VMeasure:
    """How well clusters and classes agree, each from 0 to 1.

    Attributes:
        homogeneity: 1 if every cluster holds members of one class only.
        completeness: 1 if all members of every class are in one cluster.
        v_measure: harmonic mean of both.
        parts: (n,) each item's contribution. Their mean is the V-measure. Their spread over the items is that of its
            linear approximation (influence function). So two clusterings can be compared item by item, although their
            clusters have no common names.
    """

    homogeneity: float
    completeness: float
    v_measure: float
    parts: Scores


def v_measure(classes: Numbers, clusters: Numbers) -> VMeasure:
    """Compare a clustering with the classes of the same (n,) items.

    All measures are 1 if there is one class and one cluster.
    """
    one, of_class = np.unique(classes, return_inverse=True)
    two, of_cluster = np.unique(clusters, return_inverse=True)
    n = len(of_class)
    joint = np.bincount(of_class * len(two) + of_cluster, minlength=len(one) * len(two)).reshape(len(one), len(two))
    class_bits = -np.log(joint.sum(1) / n)[of_class]  # surprise of each item's class, of its cluster, of both
    cluster_bits = -np.log(joint.sum(0) / n)[of_cluster]
    shared = class_bits + cluster_bits + np.log(joint[of_class, of_cluster] / n)
    information, entropy, cluster_entropy = float(shared.mean()), float(class_bits.mean()), float(cluster_bits.mean())
    homogeneity = information / entropy if entropy else 1.0
    completeness = information / cluster_entropy if cluster_entropy else 1.0
    total = entropy + cluster_entropy
    if not total:
        return VMeasure(1.0, 1.0, 1.0, np.ones(n))
    value = 2 * information / total
    parts = value + (2 * shared - value * (class_bits + cluster_bits)) / total
    return VMeasure(max(homogeneity, 0.0), max(completeness, 0.0), max(value, 0.0), parts)


def macro_f1(gold: Numbers, said: Numbers) -> float:
    """Mean of F1 over all classes that occur in `gold` or `said`; every class has the same weight."""
    _, numbered = np.unique(np.concatenate([gold, said]), return_inverse=True)
    one, two = numbered[: len(gold)], numbered[len(gold) :]
    size = int(numbered.max()) + 1
    right = np.bincount(one[one == two], minlength=size)
    return float(np.mean(2 * right / (np.bincount(one, minlength=size) + np.bincount(two, minlength=size))))


def adjusted_rand(one: Numbers, two: Numbers) -> float:
    """Agreement of two clusterings of the same (n,) items, 1 if they are equal and 0 on average for random ones.

    Hubert & Arabie 1985.
    """
    table = _joint(one, two)
    pairs = (table * (table - 1) // 2).sum()
    rows, columns = (int((sums * (sums - 1) // 2).sum()) for sums in (table.sum(1), table.sum(0)))
    every = len(one) * (len(one) - 1) // 2
    if not every:
        return 1.0
    expected, most = rows * columns / every, (rows + columns) / 2
    return 1.0 if most == expected else float((pairs - expected) / (most - expected))


def purity(classes: Numbers, clusters: Numbers) -> float:
    """Share of the (n,) items that are of the most common class of their cluster."""
    return float(_joint(classes, clusters).max(axis=0).sum() / len(classes))


def _joint(one: Numbers, two: Numbers) -> Numbers:
    first, of_first = np.unique(one, return_inverse=True)
    second, of_second = np.unique(two, return_inverse=True)
    cells = np.bincount(of_first * len(second) + of_second, minlength=len(first) * len(second))
    return cells.reshape(len(first), len(second)).astype(np.int64)
