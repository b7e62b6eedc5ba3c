"""The tree over the topics: which ones belong together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from semtune.tasks.topics.ward import ward
from semtune.types import Embeddings

WORDS = 3  # that name an inner node


def tree_of(
    middles: Embeddings, sizes: Sequence[int], ids: Sequence[str], words: Sequence[Sequence[str]]
) -> dict[str, Any]:
    """Nested nodes: a topic is {"topic": id, "texts": n}, an inner node has "words", "texts", "height", "children".

    Args:
        middles: (topics, components) unit vectors.
        sizes: texts of each topic.
        ids: of the topics.
        words: of each topic, the best first; an inner node is named by the words that rank high in its large topics.
    """
    made = ward(middles, np.maximum(np.array(sizes, dtype=np.float64), 1.0))
    nodes: list[dict[str, Any]] = [{"topic": id_, "texts": int(size)} for id_, size in zip(ids, sizes, strict=True)]
    marks = [Counter({word: size / (1 + rank) for rank, word in enumerate(found)})
             for found, size in zip(words, sizes, strict=True)]  # fmt: skip
    for (one, two), height in zip(made.merges.tolist(), made.heights.tolist(), strict=True):
        mark = marks[one] + marks[two]
        best = sorted(mark, key=lambda word: (-mark[word], word))[:WORDS]
        texts = nodes[one]["texts"] + nodes[two]["texts"]
        children = sorted((nodes[one], nodes[two]), key=lambda node: -node["texts"])
        nodes.append({"words": best, "texts": texts, "height": round(height, 4), "children": children})
        marks.append(mark)
    return nodes[-1] if nodes else {}
