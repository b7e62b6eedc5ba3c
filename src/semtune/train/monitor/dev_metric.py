"""The dev metric, measured as training goes: what chooses the best checkpoint and what the doctor looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from sentence_transformers.base.evaluation import BaseEvaluator

from semtune.dataset import Dataset
from semtune.encoders.torch import Precision, TorchEncoder
from semtune.metrics import Comparison, Scores, compare_means, compare_spearman, ndcg, ranking, ranks, spearman, unit
from semtune.train.monitor.embedding_health import alike, effective_rank, moved, sample_rows
from semtune.types import Document, Embeddings, Qrels, Split

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from semtune.contract import Contract

DEPTH = 10
PROBES = ("error", "alike", "spread", "moved", "floor")


@dataclass(frozen=True, slots=True)
class Measured:
    """A model measured once.

    Attributes:
        metric: "ndcg@10" or "spearman".
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
        """(n,) what each query or pair adds: their mean is the metric, their spread its standard error.

        For Spearman's rho: the influence of a pair on the correlation of the ranks (delta method), plus rho.
        """
        if self.gold is None:
            return self.each
        x, y = (_standard(ranks(side)) for side in (self.each, self.gold))
        rho = float((x * y).mean())
        return x * y - rho / 2 * (x**2 + y**2) + rho

    def error_of_gain(self, before: Measured) -> float:
        """Standard error of the gain over `before`, measured on the same queries or pairs."""
        difference = self.parts() - before.parts()
        return float(difference.std(ddof=1) / np.sqrt(len(difference))) if len(difference) > 1 else float("nan")

    def compare(self, before: Measured, seed: int = 0) -> Comparison:
        """The gain over `before`, its interval and a paired test."""
        if self.gold is None:
            return compare_means(self.each, before.each, seed)
        return compare_spearman(self.each, before.each, self.gold, seed)


class Measure(Protocol):
    """Measures a model on one split of one data set."""

    metric: str

    def __call__(self, model: SentenceTransformer) -> Measured:
        """Measure the model."""
        ...


class Dev(BaseEvaluator):
    """The Trainer's view of a measure: its metric, and probes relative to the start of the training."""

    def __init__(self, measure: Measure, floor: Measure | None = None) -> None:
        super().__init__()
        self.measure, self.floor = measure, floor
        self.start: Measured | None = None

    def begin(self, model: SentenceTransformer) -> Measured:
        """Measure the base: what all later values are compared with."""
        self.start = self.start or self.measure(model)
        return self.start

    def __call__(self, model: SentenceTransformer, *args: Any, **kwargs: Any) -> dict[str, float]:  # noqa: ARG002 - the Trainer's call
        """Measure the model; returns the metric by name, and by the names in `PROBES` what the doctor looks at."""
        fresh = self.start is None
        start = self.begin(model)
        found = start if fresh else self.measure(model)
        return {
            found.metric: found.value,
            "error": found.error_of_gain(start),
            "alike": alike(found.sample),
            "spread": effective_rank(found.sample),
            "moved": moved(found.sample, start.sample),
            **({"floor": self.floor(model).value} if self.floor else {}),
        }


class RetrievalMeasure:
    """nDCG@10 of a split's queries, or a sample of them, among their judged passages and a sample of others."""

    metric = "ndcg@10"

    def __init__(
        self, dataset: Dataset, contract: Contract, bf16: bool, max_passages: int, seed: int, split: Split = "dev",
        max_queries: int = 500,
    ) -> None:  # fmt: skip
        self._contract = contract
        self._precision: Precision = "bf16" if bf16 else "fp32"
        # As in the test: a query without a relevant passage says nothing.
        judged = {query: row for query, row in dataset.qrels[split].items() if any(g > 0 for g in row.values())}
        self._qrels = _some(judged, max_queries, seed)
        self._queries = [dataset.queries[query] for query in self._qrels]
        self._passages = _sample(dataset.corpus, self._qrels, max_passages, seed)

    def __call__(self, model: SentenceTransformer) -> Measured:
        """Measure the model."""
        encoder = TorchEncoder(model, self._contract, self._precision)
        passages = encoder.encode([passage.content for passage in self._passages], "document").vectors
        queries = encoder.encode([query.text for query in self._queries], "query").vectors
        values = []
        for query, row in zip(self._queries, queries @ passages.T, strict=True):
            # All that tie with the last place: `ranking` breaks ties as trec_eval does.
            best = np.flatnonzero(row >= np.partition(row, -min(DEPTH, len(row)))[-min(DEPTH, len(row))])
            scores = {self._passages[i].id: float(row[i]) for i in best}
            values.append(ndcg(self._qrels[query.id], ranking(scores, DEPTH), DEPTH))
        return Measured(self.metric, float(np.mean(values)), np.array(values), None, _probed(passages))


class SimilarityMeasure:
    """Spearman's rho of the cosine with a split's scores."""

    metric = "spearman"

    def __init__(self, dataset: Dataset, contract: Contract, bf16: bool, split: Split = "dev") -> None:
        self._contract = contract
        self._precision: Precision = "bf16" if bf16 else "fp32"
        self._pairs = dataset.scored[split]

    def __call__(self, model: SentenceTransformer) -> Measured:
        """Measure the model."""
        encoder = TorchEncoder(model, self._contract, self._precision)
        one = unit(encoder.encode([pair.sentence1 for pair in self._pairs], "query").vectors)
        two = unit(encoder.encode([pair.sentence2 for pair in self._pairs], "query").vectors)
        cosine, gold = (one * two).sum(1), np.array([pair.score for pair in self._pairs])
        return Measured(self.metric, spearman(cosine, gold), cosine, gold, _probed(one))


def _probed(vectors: Embeddings) -> Embeddings:
    return unit(vectors[sample_rows(len(vectors))])


def _standard(values: Scores) -> Scores:
    return (values - values.mean()) / max(float(values.std()), 1e-12)


def _some(qrels: Qrels, most: int, seed: int) -> Qrels:
    """So many of the queries at most, drawn at random, in their order."""
    if len(qrels) <= most:
        return qrels
    picked = set(np.random.default_rng(seed).permutation(len(qrels))[:most].tolist())
    return {query: row for at, (query, row) in enumerate(qrels.items()) if at in picked}


def _sample(corpus: Sequence[Document], qrels: Qrels, most: int, seed: int) -> list[Document]:
    """The judged passages, filled up with random others; in corpus order."""
    judged = {doc for row in qrels.values() for doc in row}
    others = [i for i, document in enumerate(corpus) if document.id not in judged]
    free = max(0, most - len(judged))
    picked = set(np.random.default_rng(seed).permutation(others)[:free].tolist())
    return [document for i, document in enumerate(corpus) if document.id in judged or i in picked]
