"""Spearman's rho on a dev split: the dev metric of scored pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from semtune.dataset import Dataset
from semtune.encoders.torch import Precision, TorchEncoder
from semtune.metrics import spearman, unit
from semtune.train.monitor.dev_metric import DevResult
from semtune.train.monitor.embedding_health import sample_vectors
from semtune.types import Split

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from semtune.contract import Contract


class SimilarityMeasure:
    """Spearman's rho of the cosine with a split's scores."""

    metric = "spearman"

    def __init__(self, dataset: Dataset, contract: Contract, bf16: bool, split: Split = "dev") -> None:
        self._contract = contract
        self._precision: Precision = "bf16" if bf16 else "fp32"
        self._pairs = dataset.scored[split]

    def __call__(self, model: SentenceTransformer) -> DevResult:
        """Measure the model."""
        encoder = TorchEncoder(model, self._contract, self._precision)
        one = unit(encoder.encode([pair.sentence1 for pair in self._pairs], "query").vectors)
        two = unit(encoder.encode([pair.sentence2 for pair in self._pairs], "query").vectors)
        cosine, gold = (one * two).sum(1), np.array([pair.score for pair in self._pairs])
        return DevResult(self.metric, spearman(cosine, gold), cosine, gold, sample_vectors(one))
