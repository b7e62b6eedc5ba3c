"""The dev metrics of labelled texts: accuracy of a classifier, or MAP@R where train lacks the classes of dev."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from semtune.dataset import Dataset
from semtune.encoders.torch import Precision, TorchEncoder
from semtune.metrics import Scores, classify, even_sample, unit
from semtune.train.data.rows import known_texts
from semtune.train.monitor.dev_metric import DevResult
from semtune.train.monitor.embedding_health import sample_vectors
from semtune.types import Embeddings, Split

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from semtune.contract import Contract


HEAD_TEXTS = 1_000  # of train that the head is fitted on: enough to rank checkpoints


class AccuracyMeasure:
    """Accuracy of a logistic head: fitted on the vectors of a sample of train, asked for texts of a held-out split.

    The sample is the same at every measurement, and holds as many texts of each class as there is room for.
    """

    metric = "accuracy"

    def __init__(
        self, dataset: Dataset, contract: Contract, bf16: bool, max_texts: int, seed: int, split: Split = "dev"
    ) -> None:
        self._contract = contract
        self._precision: Precision = "bf16" if bf16 else "fp32"
        known = known_texts(dataset, split)
        rows = np.random.default_rng(seed).permutation(len(known))[:max_texts]
        self._asked = [known[row] for row in sorted(rows.tolist())]
        train, first = dataset.labelled_texts["train"], {row.label for row in self._asked}
        self._train = [train[at] for at in even_sample([row.label for row in train], HEAD_TEXTS, seed, first)]

    def __call__(self, model: SentenceTransformer) -> DevResult:
        """Fit the head and measure."""
        encoder = TorchEncoder(model, self._contract, self._precision)
        train, asked = (
            unit(encoder.encode([row.text for row in rows], "query").vectors) for rows in (self._train, self._asked)
        )
        numbers = {label: number for number, label in enumerate(sorted({row.label for row in self._train}))}
        classes = np.array([numbers[row.label] for row in self._train])
        right = classify(train, classes, asked) == [numbers[row.label] for row in self._asked]
        return DevResult(self.metric, float(right.mean()), right.astype(np.float64), None, sample_vectors(asked))


class ClassMeasure:
    """MAP@R (Musgrave et al. 2020) of a split's texts; each text is a query for the others of its class."""

    metric = "map@r"

    def __init__(self, dataset: Dataset, contract: Contract, bf16: bool, split: Split = "dev") -> None:
        self._contract = contract
        self._precision: Precision = "bf16" if bf16 else "fp32"
        self._rows = dataset.labelled_texts[split]

    def __call__(self, model: SentenceTransformer) -> DevResult:
        """Measure the model."""
        encoder = TorchEncoder(model, self._contract, self._precision)
        vectors = unit(encoder.encode([row.text for row in self._rows], "query").vectors)
        each = map_at_r(vectors, [row.label for row in self._rows])
        return DevResult(self.metric, float(each.mean()), each, None, sample_vectors(vectors))


def map_at_r(vectors: Embeddings, labels: list[str]) -> Scores:
    """(n,) MAP@R of each text that shares its class with another one; the rest are left out.

    Args:
        vectors: (n, dim), of unit length.
        labels: (n,) classes.
    """
    classes = np.unique(np.asarray(labels), return_inverse=True)[1]
    sizes = np.bincount(classes)
    values: list[float] = []
    for row, own in enumerate(classes):
        others = int(sizes[own]) - 1
        if others < 1:
            continue
        scores = vectors @ vectors[row]
        scores[row] = -np.inf
        nearest = np.argsort(-scores, kind="stable")[:others]
        right = classes[nearest] == own
        precision = np.cumsum(right) / np.arange(1, others + 1)
        values.append(float((precision * right).sum() / others))
    return np.array(values if values else [0.0])
