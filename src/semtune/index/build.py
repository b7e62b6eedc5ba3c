"""Builds an index folder from documents and an encoder."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from semtune.errors import InputError, TooLongError
from semtune.index import manifest as manifests
from semtune.index.collection import Collection, Snapshot
from semtune.index.manifest import IndexManifest
from semtune.index.open import create_collection
from semtune.index.sampling import encode_queries, sample_chunks, sampled
from semtune.index.settings import IndexSettings
from semtune.index.write import check_ids
from semtune.io import atomic_folder
from semtune.progress import QUIET, Progress
from semtune.protocols import Encoder
from semtune.types import Document, Embeddings, Encoded

DEPTH, TIMED = 10, 50
BATCH = 32_768  # documents encoded at a time
WRITTEN = 4096  # documents written at a time
ROUNDING = 1e-5  # of scores


def build_index(
    documents: Sequence[Document],
    encoder: Encoder,
    model_folder: Path,
    out: Path,
    settings: IndexSettings,
    progress: Progress = QUIET,
    home: Path | None = None,
    queries: Sequence[str] = (),
) -> IndexManifest:
    """As `build_into`, into a new folder; an index at `out` is only replaced when the new one is complete."""
    with atomic_folder(out) as scratch:
        return build_into(documents, encoder, model_folder, scratch, settings, progress, home or out, queries)


def build_into(
    documents: Sequence[Document],
    encoder: Encoder,
    model_folder: Path,
    folder: Path,
    settings: IndexSettings,
    progress: Progress,
    home: Path,
    queries: Sequence[str] = (),
) -> IndexManifest:
    """Embed `documents` and write their index into an empty `folder`, its manifest last.

    Args:
        documents: with unique string ids.
        encoder: computes the vectors; its folder `model_folder` is recorded for searchers.
        home: the final path of the folder; the path to the model is relative to it.
        queries: real queries to measure the recall with; without any, chunks of sampled documents are used.

    Raises:
        InputError: there are no documents, ids are not unique, the model gives vectors with NaN, or a document is too
            long and may not be cut.
    """
    check_documents(documents)
    texts = sampled(queries) if queries else [chunk for _, chunk in sample_chunks(documents)]
    _, asked = encode_queries(encoder, texts)
    floor = np.full((len(asked), 0), -np.inf, dtype=np.float32)
    truncated = cut_tokens = 0
    collection: Collection | None = None
    try:
        for batch, encoded in _encoded(documents, encoder, progress):
            if collection is None:
                empty = _manifest(encoder, model_folder, home, settings, encoded.vectors.shape[1])
                collection = create_collection(folder, home, settings, empty)
            _fill(collection, batch, encoded.vectors)
            floor = best_scores(floor, asked, encoded.vectors)
            truncated, cut_tokens = truncated + encoded.truncated, cut_tokens + encoded.cut_tokens
        assert collection is not None  # noqa: S101 - there are documents
        collection.compact(progress, asked)
        with collection.snapshot() as snapshot:
            recall, query_ms = recall_of(snapshot, asked, floor), _query_ms(snapshot, asked)
        made = replace(
            collection.manifest,
            count=len(documents),
            recall_of=len(documents),
            recall_at_10=recall,
            query_ms=round(query_ms, 3),
            truncated=truncated,
            asked_with="queries" if queries else "chunks",
            cut_tokens=cut_tokens,
        )
    finally:
        if collection is not None:
            collection.close()
    manifests.write(made, folder)
    return made


def _manifest(
    encoder: Encoder, model_folder: Path, home: Path, settings: IndexSettings, dimension: int
) -> IndexManifest:
    """Of an index that is empty as yet."""
    return IndexManifest(
        backend=settings.backend,
        index_type="",
        metric="ip",
        dimension=dimension,
        count=0,
        model=manifests.reference(model_folder, home),
        model_name=encoder.contract.name,
        fingerprint=encoder.contract.document_fingerprint,
        runtime=encoder.runtime,
        recall_at_10=1.0,
        truncated=0,
        truncate=settings.truncate,
    )


def _encoded(
    documents: Sequence[Document], encoder: Encoder, progress: Progress
) -> Iterator[tuple[Sequence[Document], Encoded]]:
    """The documents in batches, with their vectors."""
    for start in range(0, len(documents), BATCH):
        batch = documents[start : start + BATCH]
        try:
            encoded = encoder.encode([document.content for document in batch], "document", progress)
        except TooLongError as error:
            places = [place + start for place in error.places]
            whole = TooLongError(places, error.beyond, error.limit, len(documents))
            raise whole.named([document.id for document in documents]) from None
        if not np.isfinite(encoded.vectors).all():
            raise InputError(
                f"The model {encoder.contract.name!r} gave vectors with NaN, so no index was built. Its weights are "
                "broken: train or export it again."
            )
        yield batch, encoded


def _fill(collection: Collection, documents: Sequence[Document], vectors: Embeddings) -> None:
    for start in range(0, len(documents), WRITTEN):
        collection.upsert(documents[start : start + WRITTEN], vectors[start : start + WRITTEN])


def check_documents(documents: Sequence[Document]) -> None:
    """Refuse documents that cannot be indexed.

    Raises:
        InputError: there are no documents, or two have the same id.
    """
    if not documents:
        raise InputError("There are no documents to index. Give a source with documents.")
    check_ids(documents)


def _query_ms(snapshot: Snapshot, asked: Embeddings) -> float:
    """Median milliseconds of one search by its vector; 0 where there is nothing to ask with."""
    waits = []
    for vector in asked[:TIMED]:
        started = time.perf_counter()
        snapshot.search(vector[None], DEPTH)
        waits.append(1000 * (time.perf_counter() - started))
    return statistics.median(waits) if waits else 0.0


def best_scores(best: Embeddings, asked: Embeddings, vectors: Embeddings) -> Embeddings:
    """The (m, up to `DEPTH`) best scores of m query vectors, after (n, dim) more vectors."""
    scores = np.concatenate([best, asked @ vectors.T], axis=1)
    return -np.sort(-scores, axis=1)[:, :DEPTH]


def recall_of(snapshot: Snapshot, asked: Embeddings, best: Embeddings) -> float:
    """Recall@10 of a collection, with (m, dim) query vectors and their (m, depth) best scores by exact search."""
    if not len(asked):
        return 1.0
    found = snapshot.search(asked, best.shape[1])
    # By score, not by id: either of two equal documents is right.
    right = sum(
        sum(match.score >= lowest - ROUNDING for match in matches)
        for matches, lowest in zip(found, best[:, -1].tolist(), strict=True)
    )
    return right / best.size
