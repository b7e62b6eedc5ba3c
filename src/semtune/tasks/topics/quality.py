"""How good topics are: coherence of their words, and agreement with classes that people gave."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from semtune.index.terms import analyse
from semtune.metrics import adjusted_rand, purity, v_measure
from semtune.tasks.topics.ward import Labels

TOP = 10  # words of a topic


def coherence(words: Sequence[Sequence[str]], texts: Sequence[str]) -> float:
    """Mean normalised pointwise mutual information of the pairs of a topic's first ten words, from -1 to 1.

    Words are together where they are in one text (Bouma 2009; Lau et al. 2014). Pairs that never meet count as -1.
    """
    wanted = {word for found in words for word in found[:TOP]}
    single: Counter[str] = Counter()
    double: Counter[tuple[str, str]] = Counter()
    pairs = {tuple(sorted(pair)) for found in words for pair in combinations(dict.fromkeys(found[:TOP]), 2)}
    beside: dict[str, set[str]] = {}
    for one, two in pairs:
        beside.setdefault(one, set()).add(two)
    for text in texts:
        there = wanted & set(analyse(text))
        single.update(there)
        double.update((one, two) for one in there for two in beside.get(one, set()) & there)
    values = [_of_topic(found[:TOP], single, double, len(texts)) for found in words if len(set(found[:TOP])) > 1]
    return float(np.mean(values)) if values else 0.0


def _of_topic(words: Sequence[str], single: Counter[str], double: Counter[tuple[str, str]], texts: int) -> float:
    values = []
    for pair in combinations(dict.fromkeys(words), 2):
        one, two = sorted(pair)
        both = double[one, two]
        if not both:
            values.append(-1.0)
        elif both == texts:
            values.append(1.0)
        else:
            values.append(math.log(both * texts / (single[one] * single[two])) / -math.log(both / texts))
    return sum(values) / len(values)


def agreement(labels: Sequence[object], topic: Labels, near: Labels) -> dict[str, float]:
    """How topics agree with classes: over all texts, each with the nearest topic, and over those that are not noise."""
    classes = np.unique([str(label) for label in labels], return_inverse=True)[1].astype(np.int64)
    inside = topic >= 0
    found: dict[str, float] = {"texts": len(classes), "classes": int(classes.max()) + 1}
    for name, rows, groups in (("", np.ones(len(topic), dtype=np.bool_), near), ("_without_noise", inside, topic)):
        if rows.any():
            one, two = classes[rows], groups[rows]
            found[f"purity{name}"] = round(purity(one, two), 4)
            found[f"v_measure{name}"] = round(v_measure(one, two).v_measure, 4)
            found[f"adjusted_rand{name}"] = round(adjusted_rand(one, two), 4)
    return found
