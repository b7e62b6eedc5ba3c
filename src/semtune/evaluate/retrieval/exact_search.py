"""Exact search of a data set's corpus with its labelled queries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.evaluate.retrieval.topk import TopK
from semtune.progress import QUIET, Progress
from semtune.protocols import Encoder
from semtune.types import Document, Embeddings, Neighbours, Qrels, Query, Run

DEPTH = 100  # minimum documents kept per query, for recall@100
CHUNK = 4096  # documents encoded and searched at a time


@dataclass(frozen=True, slots=True)
class NearestDocuments:
    """The nearest documents of each query: `neighbours.rows` are positions in `documents`."""

    documents: Sequence[Document]
    neighbours: Neighbours
    truncated: int
    not_finite: int


def judged_queries(dataset: Dataset, qrels: Qrels) -> tuple[list[Query], dict[str, int]]:
    """The queries with a relevant document, in the order of `qrels`, and counts of items used and left out.

    Relevant documents that are missing from the corpus count as not found.

    Raises:
        InputError: a query of the qrels is unknown, there is no corpus, or no relevant document is in it.
    """
    unknown = [query for query in qrels if query not in dataset.queries]
    if unknown:
        raise InputError(
            f"{len(unknown)} of {len(qrels)} queries in the qrels are not in queries.jsonl (first: {unknown[0]!r}). "
            "Add them there, or take them out of the qrels."
        )
    relevant = {q: [d for d, grade in row.items() if grade > 0] for q, row in qrels.items()}
    queries = [dataset.queries[query] for query in qrels if relevant[query]]
    in_corpus = {document.id for document in dataset.corpus}
    wanted = sum(len(row) for row in relevant.values())
    missing = sum(document not in in_corpus for row in relevant.values() for document in row)
    if not queries:
        raise InputError(
            "No query has a relevant document: every grade in the qrels is 0. Label relevant documents with 1 or more."
        )
    if missing == wanted:
        example = next(document for row in relevant.values() for document in row)
        raise InputError(
            f"None of the {wanted} relevant documents in the qrels is in the corpus (first: {example!r}). "
            "Check that corpus.jsonl and the qrels belong together."
        )
    counts = {
        "documents": len(dataset.corpus),
        "queries": len(queries),
        "queries_without_relevant": len(qrels) - len(queries),
        "relevant": wanted,
        "relevant_not_in_corpus": missing,
    }
    return queries, counts


def tie_order(documents: Sequence[Document]) -> list[Document]:
    """Documents by descending id, so that ties are ordered as in trec_eval."""
    return sorted(documents, key=lambda document: document.id, reverse=True)


def nearest_documents(
    encoder: Encoder, queries: Embeddings, corpus: Sequence[Document], k: int, progress: Progress
) -> NearestDocuments:
    """Encode the corpus in chunks and keep the `k` best documents for each of the (n, dim) query vectors.

    The document vectors are not kept, so memory does not grow with the corpus.
    """
    documents, best = tie_order(corpus), TopK(queries, min(k, len(corpus)))
    truncated = not_finite = 0
    with progress.track("encode documents", len(documents)) as advance:
        for start in range(0, len(documents), CHUNK):
            texts = [document.content for document in documents[start : start + CHUNK]]
            encoded = encoder.encode(texts, "document", ForwardedProgress(advance))
            truncated += encoded.truncated
            not_finite += int((~np.isfinite(encoded.vectors).all(axis=1)).sum())
            best.add(encoded.vectors)
    return NearestDocuments(documents, best.neighbours(), truncated, not_finite)


def run_of(queries: Sequence[Query], found: NearestDocuments) -> Run:
    """Rows to ids: query id → document id → score, best first."""
    return {
        query.id: {found.documents[row].id: float(score) for row, score in zip(rows, scores, strict=True) if row >= 0}
        for query, rows, scores in zip(queries, found.neighbours.rows, found.neighbours.scores, strict=True)
    }


class ForwardedProgress:
    """Passes the progress of an inner task on to an outer one, so that a task in chunks has one progress bar."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance = advance

    @contextmanager
    def track(self, task: str, total: int | None = None) -> Iterator[Callable[[int], None]]:  # noqa: ARG002 - Protocol
        """Yield the outer task's `advance`."""
        yield self._advance

    def say(self, message: str) -> None:
        """Drop the message."""
        QUIET.say(message)

    def status(self, message: str) -> None:
        """Drop the status."""
        QUIET.status(message)
