"""Metrics of retrieval and similarity, and the statistics of comparing two systems."""

import numpy as np
from numpy.typing import NDArray

from semtune.metrics.correlation import pearson, ranks, spearman
from semtune.metrics.retrieval import RETRIEVAL, mrr, ndcg, ranking, recall, retrieval
from semtune.metrics.statistics import Comparison, compare_means, compare_spearman
from semtune.metrics.vectors import SHORTEST, unit

Scores = NDArray[np.float64]  # (n,) one value a query or pair

__all__ = [
    "RETRIEVAL",
    "SHORTEST",
    "Comparison",
    "Scores",
    "compare_means",
    "compare_spearman",
    "mrr",
    "ndcg",
    "pearson",
    "ranking",
    "ranks",
    "recall",
    "retrieval",
    "spearman",
    "unit",
]
