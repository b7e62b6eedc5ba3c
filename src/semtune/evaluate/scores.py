"""How good an encoder is on one split of a data set: every metric, and everything the proof needs after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.evaluate.retrieval import DEPTH, Forward, judged_queries, nearest_documents, run_of
from semtune.metrics import pearson, retrieval, spearman
from semtune.progress import QUIET, Progress
from semtune.types import Embeddings, Encoder, Qrels, Query, Run, ScoredPair, Split

Kind = Literal["retrieval", "similarity"]
Values = NDArray[np.float64]
MAIN: dict[Kind, str] = {"retrieval": "ndcg@10", "similarity": "spearman"}
LABELS = {
    "ndcg@10": "nDCG@10",
    "mrr@10": "MRR@10",
    "recall@1": "Recall@1",
    "recall@5": "Recall@5",
    "recall@10": "Recall@10",
    "recall@100": "Recall@100",
    "spearman": "Spearman",
    "pearson": "Pearson",
}
NO_VALUES: Values = np.empty(0)


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """One system's result on one split.

    Attributes:
        kind: "retrieval" or "similarity".
        model, fingerprint, runtime: what was measured, and on what.
        metrics: metric name → mean; NaN for all where a vector was not a number.
        per_query: metric name → (queries,) values in the order of `query_ids`; empty for similarity.
        query_ids: the judged queries; empty for similarity.
        run: query id → its best 100 documents and their scores; empty for similarity.
        similarities, gold: (pairs,) cosine and people's score; empty for retrieval.
        counts: how many queries, documents, judgements, pairs ... were used, and what was left out.
        truncated: kind of text → how many of them lost their end to the length limit.
        not_finite: texts whose vector holds NaN or infinity.
        seconds: wall-clock time of encoding and searching.
    """

    kind: Kind
    model: str
    fingerprint: str
    runtime: str
    metrics: Mapping[str, float]
    per_query: Mapping[str, Values] = field(default_factory=dict)
    query_ids: tuple[str, ...] = ()
    run: Run = field(default_factory=dict)
    similarities: Values = field(default_factory=lambda: NO_VALUES)
    gold: Values = field(default_factory=lambda: NO_VALUES)
    counts: Mapping[str, int] = field(default_factory=dict)
    truncated: Mapping[str, int] = field(default_factory=dict)
    not_finite: int = 0
    seconds: float = 0.0

    @property
    def main(self) -> str:
        """The metric that decides: "ndcg@10" or "spearman"."""
        return MAIN[self.kind]

    @property
    def n(self) -> int:
        """How many queries, or pairs of sentences, were judged."""
        return len(self.gold) if self.kind == "similarity" else len(self.query_ids)


def score(encoder: Encoder, dataset: Dataset, split: Split = "test", progress: Progress = QUIET) -> Scores:
    """Measure an encoder on one split.

    A retrieval set is searched exactly (inner product, 100 documents a query) and judged by its qrels; of
    the queries only those with a relevant document count, as in trec_eval. A similarity set is judged by
    the correlation of the cosine with people's scores, as in sentence-transformers'
    `EmbeddingSimilarityEvaluator`.

    Args:
        encoder: any runtime; role "document" for the corpus, role "query" for queries and for the
            sentences of similarity pairs (both sides alike, as E5 advises for symmetric tasks).
        dataset: with qrels or scored pairs for `split`.
        split: "train", "dev" or "test".
        progress: shows the encoding.

    Raises:
        InputError: the data set has nothing to judge by in this split, or its parts do not fit together.
    """
    started = time.perf_counter()
    if dataset.qrels.get(split):
        scores = _score_retrieval(encoder, dataset, dataset.qrels[split], progress)
    elif dataset.scored.get(split):
        scores = _score_similarity(encoder, dataset.scored[split], progress)
    else:
        raise InputError(_nothing_to_judge(dataset, split))
    return replace(scores, seconds=time.perf_counter() - started)


def _score_retrieval(encoder: Encoder, dataset: Dataset, qrels: Qrels, progress: Progress) -> Scores:
    queries, counts = judged_queries(dataset, qrels)
    with progress.track("encode queries", len(queries)) as advance:
        encoded = encoder.encode([query.text for query in queries], "query", Forward(advance))
    found = nearest_documents(encoder, encoded.vectors, dataset.corpus, DEPTH, progress)
    not_finite = count_not_finite(encoded.vectors) + found.not_finite
    return retrieval_scores(
        encoder.contract.name,
        qrels,
        queries,
        run_of(queries, found),
        counts,
        fingerprint=encoder.contract.fingerprint,
        runtime=encoder.runtime,
        truncated={"queries": encoded.truncated, "documents": found.truncated},
        not_finite=not_finite,
    )


def retrieval_scores(
    model: str,
    qrels: Qrels,
    queries: list[Query],
    run: Run,
    counts: Mapping[str, int],
    *,
    fingerprint: str = "",
    runtime: str = "",
    truncated: Mapping[str, int] | None = None,
    not_finite: int = 0,
) -> Scores:
    """Judge a run: `queries` are the judged ones in the order of `qrels`, as `judged_queries` gives them."""
    per_query = retrieval({query.id: qrels[query.id] for query in queries}, run)
    if not_finite:  # a ranking by NaN is no ranking
        per_query = {name: np.full_like(values, np.nan) for name, values in per_query.items()}
    return Scores(
        kind="retrieval",
        model=model,
        fingerprint=fingerprint,
        runtime=runtime,
        metrics={name: float(values.mean()) for name, values in per_query.items()},
        per_query=per_query,
        query_ids=tuple(query.id for query in queries),
        run=run,
        counts=counts,
        truncated=truncated or {},
        not_finite=not_finite,
    )


def _score_similarity(encoder: Encoder, pairs: list[ScoredPair], progress: Progress) -> Scores:
    texts = list(dict.fromkeys(text for pair in pairs for text in (pair.sentence1, pair.sentence2)))
    row = {text: i for i, text in enumerate(texts)}
    encoded = encoder.encode(texts, "query", progress)
    left = encoded.vectors[[row[pair.sentence1] for pair in pairs]]
    right = encoded.vectors[[row[pair.sentence2] for pair in pairs]]
    cosine = _cosine(left, right)
    gold = np.array([pair.score for pair in pairs], dtype=np.float64)
    return Scores(
        kind="similarity",
        model=encoder.contract.name,
        fingerprint=encoder.contract.fingerprint,
        runtime=encoder.runtime,
        metrics={"spearman": _or_nan(spearman, cosine, gold), "pearson": _or_nan(pearson, cosine, gold)},
        similarities=cosine,
        gold=gold,
        counts={"pairs": len(pairs), "sentences": len(texts)},
        truncated={"sentences": encoded.truncated},
        not_finite=count_not_finite(encoded.vectors),
    )


def count_not_finite(vectors: Embeddings) -> int:
    """How many of the (n, dim) vectors hold NaN or infinity."""
    return int((~np.isfinite(vectors).all(axis=1)).sum())


def _cosine(a: Embeddings, b: Embeddings) -> Values:
    left, right = a.astype(np.float64), b.astype(np.float64)
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return np.einsum("ij,ij->i", left, right) / np.maximum(norms, 1e-12)


def _or_nan(correlation: Callable[[Values, Values], float], cosine: Values, gold: Values) -> float:
    usable = len(gold) > 1 and np.isfinite(cosine).all() and np.isfinite(gold).all()
    return correlation(cosine, gold) if usable else float("nan")


def _nothing_to_judge(dataset: Dataset, split: Split) -> str:
    have = sorted({*(s for s, q in dataset.qrels.items() if q), *(s for s, p in dataset.scored.items() if p)})
    return (
        f"The data set has nothing to judge by in its {split} split: neither qrels/{split}.tsv nor scored sentence "
        f"pairs in {split}.jsonl. "
        + (f"It has them for {', '.join(have)}." if have else "It has them for no split: prepare it with labels.")
    )
