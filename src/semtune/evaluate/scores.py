"""Measures an encoder on one split of a data set."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from semtune.dataset import Dataset
from semtune.evaluate.kinds.classes import score_few_shot, score_zero_shot
from semtune.evaluate.kinds.classification import score_classification
from semtune.evaluate.kinds.clustering import score_clustering
from semtune.evaluate.kinds.mining import score_mining
from semtune.evaluate.kinds.pairs import binary_pairs, score_pairs
from semtune.evaluate.kinds.similarity import score_similarity
from semtune.evaluate.kinds.texts import without_numbers
from semtune.evaluate.kinds.translations import score_translations
from semtune.evaluate.kinds.triplets import score_triplets
from semtune.evaluate.result import KINDS, LABELS, MAIN, STATISTICS, THRESHOLDS, Kind, Scores, Values, label
from semtune.evaluate.retrieval.exact_search import DEPTH, ForwardedProgress, judged_queries, nearest_documents, run_of
from semtune.evaluate.tasks import choose_task
from semtune.metrics import RETRIEVAL, depth_of, measures_at, retrieval
from semtune.progress import QUIET, Progress
from semtune.protocols import Encoder
from semtune.types import Embeddings, Qrels, Query, Run, Split

__all__ = [
    "KINDS",
    "LABELS",
    "MAIN",
    "STATISTICS",
    "THRESHOLDS",
    "Kind",
    "Scores",
    "Values",
    "count_not_finite",
    "label",
    "retrieval_scores",
    "score",
]


def score(
    encoder: Encoder,
    dataset: Dataset,
    split: Split = "test",
    progress: Progress = QUIET,
    task: str | None = None,
    at: Sequence[int] = (),
    seed: int = 0,
) -> Scores:
    """Measure an encoder on one split.

    Retrieval data is searched exactly (inner product) and scored by its qrels; only queries with a relevant document
    count, as in trec_eval. The other kinds are described in `semtune.evaluate.kinds`.

    Args:
        encoder: of any runtime.
        dataset: with labels for `split`.
        split: "train", "dev" or "test".
        progress: shows the encoding.
        task: one of `KINDS`; None: the first one that fits the data.
        at: the k of retrieval metrics; empty: the defaults.
        seed: of k-means, and of the examples drawn from train.

    Raises:
        InputError: the split has no labels, or the parts of the data set do not match.
    """
    started = time.perf_counter()
    kind = choose_task(dataset, split, task)
    if kind == "retrieval":
        scores = _score_retrieval(encoder, dataset, dataset.qrels[split], measures_at(at), progress)
    else:
        scores = _score_kind(kind, encoder, dataset, split, seed, progress)
        scores = without_numbers(scores) if scores.not_finite else scores
    return replace(scores, seconds=time.perf_counter() - started)


def _score_kind(
    kind: Kind, encoder: Encoder, dataset: Dataset, split: Split, seed: int, progress: Progress
) -> Scores:  # fmt: skip
    if kind == "cross-language":
        return score_translations(encoder, dataset.parallel[split], progress)
    if kind == "similarity":
        return score_similarity(encoder, dataset.scored[split], progress)
    if kind == "triplets":
        rows = [row for row in dataset.pairs[split] if row.negatives]
        return score_triplets(encoder, rows, len(dataset.pairs[split]) - len(rows), progress)
    if kind in {"pairs", "mining"}:
        pairs = binary_pairs(dataset, split)
        if kind == "mining":
            return score_mining(encoder, pairs, progress)
        return score_pairs(encoder, pairs, len(dataset.labelled_pairs.get(split, pairs)) - len(pairs), progress)
    texts = dataset.labelled_texts[split]
    if kind == "clustering":
        return score_clustering(encoder, texts, seed, progress)
    if kind == "zero-shot":
        return score_zero_shot(encoder, texts, progress)
    if kind == "classification":
        return score_classification(encoder, dataset.labelled_texts["train"], texts, seed, progress)
    return score_few_shot(encoder, dataset.labelled_texts["train"], texts, seed, progress)


def _score_retrieval(
    encoder: Encoder, dataset: Dataset, qrels: Qrels, names: Sequence[str], progress: Progress
) -> Scores:
    queries, counts = judged_queries(dataset, qrels)
    with progress.track("encode queries", len(queries)) as advance:
        encoded = encoder.encode([query.text for query in queries], "query", ForwardedProgress(advance))
    found = nearest_documents(encoder, encoded.vectors, dataset.corpus, max(DEPTH, depth_of(names)), progress)
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
        names=names,
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
    names: Sequence[str] = RETRIEVAL,
) -> Scores:
    """Score a run: `queries` are the labelled ones in the order of `qrels`, from `judged_queries`."""
    per_query = retrieval({query.id: qrels[query.id] for query in queries}, run, names)
    if not_finite:  # a ranking by NaN has no meaning
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


def count_not_finite(vectors: Embeddings) -> int:
    """Number of (n, dim) vectors with NaN or infinity."""
    return int((~np.isfinite(vectors).all(axis=1)).sum())
