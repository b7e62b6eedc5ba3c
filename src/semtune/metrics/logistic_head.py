"""A classifier on top of embeddings: multinomial logistic regression on unit vectors, by scikit-learn."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from semtune.registry import need

STRENGTH = 10.0  # scikit-learn's C, on unit vectors; chosen on BANKING77's train part, see benchmarks/LOG.md
ITERATIONS = 300
Numbers = NDArray[np.int64]


def classify(train: NDArray[np.float32], classes: Numbers, texts: NDArray[np.float32]) -> Numbers:
    """(m,) the class that the head gives each text.

    The head is scikit-learn's `LogisticRegression` with C = 10 and at most 300 iterations of L-BFGS; the rest is as the
    library has it: L2, an intercept, all classes alike. Nothing is drawn: the same vectors give the same answers.

    Args:
        train: (n, dim) unit vectors that the head is fitted on.
        classes: (n,) their classes, at least two different ones.
        texts: (m, dim) unit vectors.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    need("sklearn")
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last digits do not change the answers
        head = LogisticRegression(C=STRENGTH, max_iter=ITERATIONS).fit(train, classes)
    return np.asarray(head.predict(texts), dtype=np.int64)


def even_sample(labels: Sequence[str], most: int, seed: int, first: Collection[str] = ()) -> list[int]:
    """Positions of at most `most` texts, drawn so that all classes have as many as there is room for, in their order.

    Args:
        labels: the class of each text.
        most: maximum number of positions.
        seed: of the draw.
        first: classes that come before the others where there is not even room for one text of each.
    """
    if len(labels) <= most:
        return list(range(len(labels)))
    turns = Counter[str]()
    places: list[tuple[int, bool, int]] = []
    for at in map(int, np.random.default_rng(seed).permutation(len(labels))):
        places.append((turns[labels[at]], labels[at] not in first, at))
        turns[labels[at]] += 1
    return sorted(at for _, _, at in sorted(places, key=lambda place: place[:2])[:most])
