"""Classes by their names: each text gets the class whose words are the most similar to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semtune.progress import QUIET, Progress
from semtune.protocols import Encoder
from semtune.tasks.classify.classes import Classes
from semtune.tasks.classify.prediction import UNSURE, Prediction
from semtune.types import Embeddings

BLOCK = 4_096  # texts compared at once


@dataclass(frozen=True, slots=True)
class NamedClasses:
    """Classes that are known by words only.

    Attributes:
        names: of the classes.
        vectors: (words, dim) of all descriptions.
        owners: (words,) the class of each description.
    """

    names: list[str]
    vectors: Embeddings
    owners: NDArray[np.int64]

    @classmethod
    def of(cls, encoder: Encoder, classes: Classes, progress: Progress = QUIET) -> NamedClasses:
        """Embed the descriptions, in the role "query"."""
        words, owners = classes.words()
        return cls(classes.names, encoder.encode(words, "query", progress).vectors, np.array(owners))

    def scores(self, vectors: Embeddings) -> NDArray[np.float64]:
        """(n, dim) vectors of texts → (n, classes): the similarity to the nearest description of each class."""
        found = np.full((len(vectors), len(self.names)), -np.inf)
        for start in range(0, len(vectors), BLOCK):
            block = (vectors[start : start + BLOCK] @ self.vectors.T).astype(np.float64)
            np.maximum.at(found[start : start + BLOCK].T, self.owners, block.T)
        return found


def classify_by_names(
    named: NamedClasses, vectors: Embeddings, min_score: float | None = None, several: bool = False
) -> list[Prediction]:
    """The class of each of (n, dim) texts.

    Args:
        named: the classes.
        vectors: of the texts, in the role "document".
        min_score: a text less similar than this to every class is rejected; None: none is.
        several: a text has every class that it is as similar to as `min_score`.

    The scores are similarities, not probabilities: without examples nothing says how likely an answer is.
    """
    scores = named.scores(vectors)
    floor = -np.inf if min_score is None else min_score
    return [_said(named.names, row, floor, several) for row in scores]


def _said(names: Sequence[str], scores: NDArray[np.float64], floor: float, several: bool) -> Prediction:
    best = int(scores.argmax())
    passing: list[int] = [at for at in np.argsort(-scores, kind="stable").tolist() if scores[at] >= floor]
    labels = tuple([names[at] for at in (passing if several else passing[:1])])
    return Prediction(labels, names[best], float(scores[best]), None, "" if labels else UNSURE)
