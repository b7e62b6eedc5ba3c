"""The dev metric, measured as training goes: what chooses the best checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sentence_transformers.base.evaluation import BaseEvaluator

from semtune.dataset import Dataset
from semtune.encoders.torch import Precision, TorchEncoder
from semtune.metrics import ndcg, ranking, spearman
from semtune.types import Document, Qrels

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from semtune.contract import Contract

DEPTH = 10


class DevRetrieval(BaseEvaluator):
    """nDCG@10 of the dev queries among their relevant passages and a sample of others."""

    def __init__(self, dataset: Dataset, contract: Contract, bf16: bool, max_passages: int, seed: int) -> None:
        super().__init__()
        self._contract = contract
        self._precision: Precision = "bf16" if bf16 else "fp32"
        # As in the test: a query without a relevant passage says nothing.
        self._qrels = {query: row for query, row in dataset.qrels["dev"].items() if any(g > 0 for g in row.values())}
        self._queries = [dataset.queries[query] for query in self._qrels]
        self._passages = _sample(dataset.corpus, self._qrels, max_passages, seed)

    def __call__(self, model: SentenceTransformer, *args: Any, **kwargs: Any) -> dict[str, float]:  # noqa: ARG002 - the Trainer's call
        """Measure the model; returns {"ndcg@10": value}."""
        encoder = TorchEncoder(model, self._contract, self._precision)
        passages = encoder.encode([passage.content for passage in self._passages], "document").vectors
        queries = encoder.encode([query.text for query in self._queries], "query").vectors
        values = []
        for query, row in zip(self._queries, queries @ passages.T, strict=True):
            # All that tie with the last place: `ranking` breaks ties as trec_eval does.
            best = np.flatnonzero(row >= np.partition(row, -min(DEPTH, len(row)))[-min(DEPTH, len(row))])
            scores = {self._passages[i].id: float(row[i]) for i in best}
            values.append(ndcg(self._qrels[query.id], ranking(scores, DEPTH), DEPTH))
        return {"ndcg@10": float(np.mean(values))}


class DevSimilarity(BaseEvaluator):
    """Spearman's rho of the cosine with the dev scores."""

    def __init__(self, dataset: Dataset, contract: Contract, bf16: bool) -> None:
        super().__init__()
        self._contract = contract
        self._precision: Precision = "bf16" if bf16 else "fp32"
        self._pairs = dataset.scored["dev"]

    def __call__(self, model: SentenceTransformer, *args: Any, **kwargs: Any) -> dict[str, float]:  # noqa: ARG002 - the Trainer's call
        """Measure the model; returns {"spearman": value}."""
        encoder = TorchEncoder(model, self._contract, self._precision)
        one = encoder.encode([pair.sentence1 for pair in self._pairs], "query").vectors
        two = encoder.encode([pair.sentence2 for pair in self._pairs], "query").vectors
        cosine = (one * two).sum(1) / np.maximum(np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1), 1e-12)
        return {"spearman": spearman(cosine, [pair.score for pair in self._pairs])}


def _sample(corpus: list[Document], qrels: Qrels, most: int, seed: int) -> list[Document]:
    """The judged passages, filled up with random others; in corpus order."""
    judged = {doc for row in qrels.values() for doc in row}
    others = [i for i, document in enumerate(corpus) if document.id not in judged]
    free = max(0, most - len(judged))
    picked = set(np.random.default_rng(seed).permutation(others)[:free].tolist())
    return [document for i, document in enumerate(corpus) if document.id in judged or i in picked]
