"""Builds an index folder from documents and an encoder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from semtune.errors import InputError, TooLongError
from semtune.index import manifest as manifests
from semtune.index.documents import write_store
from semtune.index.exact import ExactIndex
from semtune.index.manifest import IndexManifest
from semtune.index.settings import IndexSettings
from semtune.io import atomic_folder
from semtune.progress import QUIET, Progress
from semtune.protocols import Encoder, VectorIndex
from semtune.registry import INDEXES
from semtune.text import stable_hash
from semtune.types import Document, Embeddings

SAMPLE, DEPTH = 200, 10
MIN_CHUNK = 3  # minimum words of a chunk that is used as a query


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
    try:
        encoded = encoder.encode([document.content for document in documents], "document", progress)
    except TooLongError as error:
        raise error.named([document.id for document in documents]) from None
    if not np.isfinite(encoded.vectors).all():
        raise InputError(
            f"The model {encoder.contract.name!r} gave vectors with NaN, so no index was built. Its weights are "
            "broken: train or export it again."
        )
    write_store(documents, folder)
    backend = INDEXES.entry(settings.backend).load()
    filled = backend.build(encoded.vectors, [d.id for d in documents], settings, folder, home, progress)
    asked = _asked(sampled(queries) if queries else chunks(documents), encoder)
    made = IndexManifest(
        backend=settings.backend,
        index_type=filled.kind,
        metric="ip",
        dimension=encoded.vectors.shape[1],
        count=len(documents),
        model=_reference(model_folder, home),
        model_name=encoder.contract.name,
        fingerprint=encoder.contract.document_fingerprint,
        runtime=encoder.runtime,
        recall_at_10=recall_of_index(filled.index, encoded.vectors, asked),
        truncated=encoded.truncated,
        uri=filled.uri,
        collection=filled.collection,
        asked_with="queries" if queries else "chunks",
        truncate=settings.truncate,
        cut_tokens=encoded.cut_tokens,
    )
    filled.index.close()
    manifests.write(made, folder)
    return made


def _asked(queries: Sequence[str], encoder: Encoder) -> Embeddings:
    """The (n, dim) vectors of queries to measure with; those too long for an encoder that cuts none are left out."""
    try:
        return encoder.encode(queries, "query").vectors
    except TooLongError as error:
        long = set(error.places)
        return encoder.encode([query for place, query in enumerate(queries) if place not in long], "query").vectors


def check_documents(documents: Sequence[Document]) -> None:
    """Refuse documents that cannot be indexed.

    Raises:
        InputError: there are no documents, or two have the same id.
    """
    if not documents:
        raise InputError("There are no documents to index. Give a source with documents.")
    ids = [document.id for document in documents]
    if len(set(ids)) != len(ids):
        seen: set[str] = set()
        twice = next(i for i in ids if i in seen or seen.add(i))
        raise InputError(f"The document id {twice!r} occurs more than once. Ids must be unique.")


def _reference(model_folder: Path, home: Path) -> str:
    """The path of the model, relative if both are in one folder, so that the folder can be moved."""
    model, base = model_folder.resolve(), home.resolve().parent
    return os.path.relpath(model, home.resolve()) if model.is_relative_to(base) else str(model)


def sampled(queries: Sequence[str]) -> list[str]:
    """At most `SAMPLE` of the queries, always the same ones."""
    return sorted(queries, key=stable_hash)[:SAMPLE]


def chunks(documents: Sequence[Document]) -> list[str]:
    """The middle third of the words of at most `SAMPLE` documents, to be used as queries.

    With whole documents as queries, a graph index would look better than it is, since each finds itself easily.
    """
    chosen = sorted(documents, key=lambda document: stable_hash(document.id))[:SAMPLE]
    return [_middle(document.content) for document in chosen]


def _middle(text: str) -> str:
    words = text.split()
    third = max(MIN_CHUNK, len(words) // 3)
    start = max(0, (len(words) - third) // 2)
    return " ".join(words[start : start + third])


def recall_of_index(index: VectorIndex, vectors: Embeddings, asked: Embeddings) -> float:
    """Recall@10 against exact search in (n, dim) `vectors`, with (m, dim) query vectors."""
    depth = min(DEPTH, len(vectors))
    exact, found = ExactIndex(vectors).search(asked, depth), index.search(asked, depth)
    # By score, not by row: either of two equal documents is right.
    floor = exact.scores[:, -1:] - 1e-5
    return float((found.scores >= floor).mean())
