"""Metrics for every task, and statistics for comparing two systems."""

import numpy as np
from numpy.typing import NDArray

from semtune.metrics.classes import VMeasure, adjusted_rand, macro_f1, purity, v_measure
from semtune.metrics.correlation import pearson, ranks, spearman
from semtune.metrics.logistic_head import classify, even_sample
from semtune.metrics.mining import Mined, compare_mined, mined_interval
from semtune.metrics.pairs import Cut, average_precision, best_accuracy, best_f1
from semtune.metrics.retrieval import (
    RETRIEVAL,
    average_precision_at,
    depth_of,
    hit,
    measures_at,
    mrr,
    ndcg,
    precision,
    ranking,
    recall,
    retrieval,
)
from semtune.metrics.statistics import (
    Comparison,
    compare_draws,
    compare_means,
    compare_spearman,
    compare_statistic,
    draw_samples,
)
from semtune.metrics.vectors import main_axes
from semtune.unit_vectors import SHORTEST, unit

Scores = NDArray[np.float64]  # (n,) one value per query or pair

__all__ = [
    "RETRIEVAL",
    "SHORTEST",
    "Comparison",
    "Cut",
    "Mined",
    "Scores",
    "VMeasure",
    "adjusted_rand",
    "average_precision",
    "average_precision_at",
    "best_accuracy",
    "best_f1",
    "classify",
    "compare_draws",
    "compare_means",
    "compare_mined",
    "compare_spearman",
    "compare_statistic",
    "depth_of",
    "draw_samples",
    "even_sample",
    "hit",
    "macro_f1",
    "main_axes",
    "measures_at",
    "mined_interval",
    "mrr",
    "ndcg",
    "pearson",
    "precision",
    "purity",
    "ranking",
    "ranks",
    "recall",
    "retrieval",
    "spearman",
    "unit",
    "v_measure",
]
