"""nDCG@10 on a dev split: the dev metric of retrieval data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from semtune.dataset import Dataset
from semtune.encoders.torch import Precision, TorchEncoder
from semtune.metrics import ndcg, ranking
from semtune.train.monitor.dev_metric import DevResult
from semtune.train.monitor.embedding_health import sample_vectors
from semtune.types import Document, Qrels, Split

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from semtune.contract import Contract

NDCG_DEPTH = 10


class RetrievalMeasure:
    """nDCG@10 of a split's queries, or a sample of them, among their judged passages and a sample of others."""

    metric = "ndcg@10"

    def __init__(
        self, dataset: Dataset, contract: Contract, bf16: bool, max_passages: int, seed: int, split: Split = "dev",
        max_queries: int = 500,
    ) -> None:  # fmt: skip
        self._contract = contract
        self._precision: Precision = "bf16" if bf16 else "fp32"
        # As in the evaluation: queries without a relevant passage are left out.
        judged = {query: row for query, row in dataset.qrels[split].items() if any(g > 0 for g in row.values())}
        self._qrels = _draw_queries(judged, max_queries, seed)
        self._queries = [dataset.queries[query] for query in self._qrels]
        self._passages = _draw_passages(dataset.corpus, self._qrels, max_passages, seed)

    def __call__(self, model: SentenceTransformer) -> DevResult:
        """Measure the model."""
        encoder = TorchEncoder(model, self._contract, self._precision)
        passages = encoder.encode([passage.content for passage in self._passages], "document").vectors
        queries = encoder.encode([query.text for query in self._queries], "query").vectors
        values = []
        for query, row in zip(self._queries, queries @ passages.T, strict=True):
            depth = min(NDCG_DEPTH, len(row))
            # Everything that ties with the last place: `ranking` breaks ties as trec_eval does.
            best = np.flatnonzero(row >= np.partition(row, -depth)[-depth])
            scores = {self._passages[i].id: float(row[i]) for i in best}
            values.append(ndcg(self._qrels[query.id], ranking(scores, NDCG_DEPTH), NDCG_DEPTH))
        return DevResult(self.metric, float(np.mean(values)), np.array(values), None, sample_vectors(passages))


def _draw_queries(qrels: Qrels, most: int, seed: int) -> Qrels:
    """At most `most` of the queries, drawn at random, in their order."""
    if len(qrels) <= most:
        return qrels
    picked = set(np.random.default_rng(seed).permutation(len(qrels))[:most].tolist())
    return {query: row for at, (query, row) in enumerate(qrels.items()) if at in picked}


def _draw_passages(corpus: Sequence[Document], qrels: Qrels, most: int, seed: int) -> list[Document]:
    """The judged passages, and random others up to `most` in all; in corpus order."""
    judged = {doc for row in qrels.values() for doc in row}
    others = [i for i, document in enumerate(corpus) if document.id not in judged]
    free = max(0, most - len(judged))
    picked = set(np.random.default_rng(seed).permutation(others)[:free].tolist())
    return [document for i, document in enumerate(corpus) if document.id in judged or i in picked]
