"""Ward's tree (Ward 1963) over weighted points, by the nearest-neighbour chain (Murtagh 1983).

scikit-learn and SciPy have no weights, and a micro-cluster of 500 texts must count for more than one of five.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semtune.types import Embeddings

Numbers = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tree:
    """A binary tree over n points: points are nodes 0 to n-1, merge i is node n+i.

    Attributes:
        merges: (n-1, 2) nodes that are joined, the closest first.
        heights: (n-1,) by how much each merge raises the sum of squared distances to the centres.
    """

    merges: Labels
    heights: Numbers

    @property
    def points(self) -> int:
        """The number of leaves."""
        return len(self.merges) + 1


@dataclass(frozen=True, slots=True)
class Top:
    """The upper part of a tree.

    Attributes:
        leaf_of: (n,) the leaf of each point.
        children: (leaves-1, 2) of each inner node; leaves are nodes 0 to leaves-1.
        members: (nodes, leaves) whether a leaf lies under a node.
    """

    leaf_of: Labels
    children: Labels
    members: NDArray[np.bool_]

    @property
    def leaves(self) -> int:
        """The number of leaves."""
        return self.members.shape[1]

    def cut(self, count: int) -> list[int]:
        """The nodes of the level with `count` nodes."""
        active = set(range(self.leaves))
        for place, pair in enumerate(self.children[: self.leaves - count].tolist()):
            active -= set(pair)
            active.add(self.leaves + place)
        return sorted(active)


def ward(centres: Embeddings, weights: NDArray[np.float64]) -> Tree:
    """The tree over (n, dim) points with (n,) weights."""
    size = len(centres)
    if size < 2:
        return Tree(np.zeros((0, 2), dtype=np.int64), np.zeros(0))
    distances, weight = _distances(centres.astype(np.float64), weights), weights.astype(np.float64).copy()
    found: list[tuple[int, int]] = []
    heights: list[float] = []
    alive, chain = np.ones(size, dtype=np.bool_), []
    while len(found) < size - 1:
        if not chain:
            chain.append(int(alive.argmax()))
        row = distances[chain[-1]]
        near = int(row.argmin())
        if len(chain) > 1 and row[chain[-2]] <= row[near]:
            near = chain[-2]  # of equally near ones the last, or the chain would run in a circle
        if len(chain) > 1 and near == chain[-2]:
            one, two = sorted((chain.pop(), chain.pop()))
            heights.append(float(distances[one, two]))
            found.append((one, two))
            _join(distances, weight, alive, one, two)
        else:
            chain.append(near)
    return _sorted(size, found, heights)


def top_of(tree: Tree, leaves: int) -> Top:
    """The last merges of a tree, down to so many leaves."""
    leaves = max(1, min(leaves, tree.points))
    below = tree.points - leaves
    group = np.arange(tree.points + below)
    for place, (one, two) in enumerate(tree.merges[:below].tolist()):
        group[one] = group[two] = tree.points + place
    for node in range(tree.points + below - 1, -1, -1):  # parents have higher numbers than their children
        group[node] = group[group[node]]
    roots, leaf_of = np.unique(group[: tree.points], return_inverse=True)
    number = {int(root): place for place, root in enumerate(roots)}
    number |= {tree.points + below + place: leaves + place for place in range(leaves - 1)}
    children = np.array([[number[a], number[b]] for a, b in tree.merges[below:].tolist()], dtype=np.int64)
    children = children.reshape(-1, 2)
    members = np.zeros((2 * leaves - 1, leaves), dtype=np.bool_)
    members[:leaves] = np.eye(leaves, dtype=np.bool_)
    for place, (one, two) in enumerate(children.tolist()):
        members[leaves + place] = members[one] | members[two]
    return Top(leaf_of.astype(np.int64), children, members)


def _distances(centres: Numbers, weights: Numbers) -> Numbers:
    norms = (centres**2).sum(axis=1)
    squares = np.maximum(norms[:, None] + norms[None, :] - 2 * centres @ centres.T, 0.0)
    squares *= weights[:, None] * weights[None, :] / (weights[:, None] + weights[None, :])
    squares = (squares + squares.T) / 2  # rounding must not make it depend on the side
    np.fill_diagonal(squares, np.inf)
    return squares


def _join(distances: Numbers, weight: Numbers, alive: NDArray[np.bool_], one: int, two: int) -> None:
    """Put the union of two clusters in the place of the first (Lance & Williams 1967)."""
    a, b = weight[one], weight[two]
    joined = ((a + weight) * distances[one] + (b + weight) * distances[two] - weight * distances[one, two]) / (
        a + b + weight
    )
    joined[one] = np.inf
    alive[two] = False
    joined[~alive] = np.inf
    distances[one], distances[:, one] = joined, joined
    distances[two], distances[:, two] = np.inf, np.inf
    weight[one] = a + b


def _sorted(size: int, found: list[tuple[int, int]], heights: list[float]) -> Tree:
    """The merges by height, with nodes numbered in that order; the chain finds them in another one."""
    height_of = np.zeros(size)
    for place, (one, two) in enumerate(found):  # rounding must not put a parent below its child
        heights[place] = max(heights[place], height_of[one], height_of[two])
        height_of[one] = heights[place]
    order = np.argsort(heights, kind="stable")
    node_of, merges = list(range(size)), np.empty((size - 1, 2), dtype=np.int64)
    for new, place in enumerate(order.tolist()):
        one, two = found[place]
        merges[new] = sorted((node_of[one], node_of[two]))
        node_of[one] = size + new
    return Tree(merges, np.array(heights)[order])
