"""The dev metric, measured along the way: it chooses the best checkpoint, and the training doctor looks at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from sentence_transformers.base.evaluation import BaseEvaluator

from semtune.metrics import Comparison, Scores, compare_means, compare_spearman, ranks
from semtune.train.monitor.embedding_health import effective_rank, mean_cosine, moved
from semtune.types import Embeddings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

HEALTH_VALUES = ("error", "alike", "spread", "moved", "floor")
"""What is measured beside the metric: its error, the health of the embeddings, and the floor set's metric."""


@dataclass(frozen=True, slots=True)
class DevResult:
    """A model measured once.

    Attributes:
        metric: "ndcg@10", "spearman", "accuracy" or "map@r".
        value: the metric.
        each: (n,) the metric of each query, or the cosine of each pair.
        gold: (n,) the pairs' scores; None for queries.
        sample: (m, dim) unit vectors of some of the texts.
    """

    metric: str
    value: float
    each: Scores
    gold: Scores | None
    sample: Embeddings

    def parts(self) -> Scores:
        """(n,) what each query or pair contributes: the mean is the metric, the spread gives its standard error.

        For Spearman's rho: the influence of a pair on the correlation of the ranks (delta method), plus rho.
        """
        if self.gold is None:
            return self.each
        x, y = (_standardised(ranks(side)) for side in (self.each, self.gold))
        rho = float((x * y).mean())
        return x * y - rho / 2 * (x**2 + y**2) + rho

    def error_of_gain(self, before: DevResult) -> float:
        """Standard error of the gain over `before`, measured on the same queries or pairs."""
        difference = self.parts() - before.parts()
        return float(difference.std(ddof=1) / np.sqrt(len(difference))) if len(difference) > 1 else float("nan")

    def compare(self, before: DevResult, seed: int = 0) -> Comparison:
        """The gain over `before`, its interval and a paired test."""
        if self.gold is None:
            return compare_means(self.each, before.each, seed)
        return compare_spearman(self.each, before.each, self.gold, seed)


class DevMeasure(Protocol):
    """Measures a model on one split of one data set."""

    metric: str

    def __call__(self, model: SentenceTransformer) -> DevResult:
        """Measure the model."""
        ...


class DevEvaluator(BaseEvaluator):
    """A measure as the Trainer calls it: its metric, and the health of the embeddings relative to the base's."""

    def __init__(self, measure: DevMeasure, floor: DevMeasure | None = None) -> None:
        super().__init__()
        self.measure, self.floor = measure, floor
        self.start: DevResult | None = None

    def begin(self, model: SentenceTransformer) -> DevResult:
        """Measure the base, which all later values are compared with."""
        self.start = self.start or self.measure(model)
        return self.start

    def __call__(self, model: SentenceTransformer, *_args: Any, **_named: Any) -> dict[str, float]:
        """Measure the model; returns the metric by its name, and the values of `HEALTH_VALUES`."""
        fresh = self.start is None
        start = self.begin(model)
        found = start if fresh else self.measure(model)
        return {
            found.metric: found.value,
            "error": found.error_of_gain(start),
            "alike": mean_cosine(found.sample),
            "spread": effective_rank(found.sample),
            "moved": moved(found.sample, start.sample),
            **({"floor": self.floor(model).value} if self.floor else {}),
        }


def _standardised(values: Scores) -> Scores:
    return (values - values.mean()) / max(float(values.std()), 1e-12)
