"""Writes documents into a collection: only what changed is encoded, and what is written stays written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, TypeVar

import numpy as np

from semtune.errors import InputError, TooLongError
from semtune.index.batch import first_repeated
from semtune.index.collection import Changed, Collection, Snapshot, content_hash
from semtune.progress import QUIET, Progress
from semtune.types import Document, Embeddings, Encoded, Role

BATCH = 512  # documents written at once: what a kill may cost
T = TypeVar("T")


class Encodes(Protocol):
    """The part of an encoder that is needed to write."""

    def encode(self, texts: Sequence[str], role: Role = "document", progress: Progress | None = None) -> Encoded:
        """Embed texts, (n,) → (n, dim)."""
        ...


@dataclass(frozen=True, slots=True)
class Written:
    """What became of documents.

    Attributes:
        added, updated, unchanged: numbers of documents.
        encoded: how many of the added and updated ones were encoded; the others kept their vector, since only their
            metadata changed.
        truncated, cut_tokens: how many of those were cut at the model's length limit, and by how much in all.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    encoded: int = 0
    truncated: int = 0
    cut_tokens: int = 0

    def __add__(self, other: Written) -> Written:
        """The sum of every number."""
        return Written(*(getattr(self, name) + getattr(other, name) for name in Written.__slots__))


def batches(items: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    """The items in lists of at most `size`."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def check_ids(documents: Sequence[Document]) -> None:
    """Refuse documents of which two have one id.

    Raises:
        InputError: the message names the id.
    """
    if (twice := first_repeated([document.id for document in documents])) is not None:
        raise InputError(f"The document id {twice!r} occurs more than once. Ids must be unique.")


def write_documents(
    collection: Collection,
    encoder: Encodes,
    documents: Iterable[Document],
    progress: Progress = QUIET,
    total: int | None = None,
) -> Written:
    """Upsert documents in batches; those that the collection has in the same words are neither encoded nor written.

    A stopped call loses the batch it was at; the next call with the same documents continues there.

    Args:
        collection: to write into.
        encoder: the collection's own model.
        documents: with unique ids.
        progress: told the number of documents done.
        total: number of documents, where it is known.

    Raises:
        InputError: a document is too long and may not be cut, or another process is writing.
    """
    done = Written()
    with progress.track("index", total) as advance:
        for batch in batches(documents):
            done += _write_batch(collection, encoder, batch)
            advance(len(batch))
    return done


def _write_batch(collection: Collection, encoder: Encodes, batch: Sequence[Document]) -> Written:
    with collection.snapshot() as seen:
        known = seen.hashes([document.id for document in batch])
        changed = [document for document in batch if known.get(document.id) != content_hash(document)]
        kept = _same_words(seen, [document for document in changed if document.id in known])
    unchanged = len(batch) - len(changed)
    if not changed:
        return Written(unchanged=unchanged)
    vectors, spent = _vectors(encoder, changed, kept)
    told: Changed = collection.upsert(changed, vectors)
    return spent + Written(told.added, told.updated, unchanged + told.unchanged)


def _same_words(seen: Snapshot, changed: Sequence[Document]) -> dict[str, np.ndarray]:
    """Id → vector of the documents of which only the metadata changed, and not what the model reads."""
    before = seen.get([document.id for document in changed])
    same = [new.id for new, old in zip(changed, before, strict=True) if old is not None and old.content == new.content]
    return dict(zip(same, seen.vectors(same), strict=True)) if same else {}


def _vectors(
    encoder: Encodes, documents: Sequence[Document], kept: dict[str, np.ndarray]
) -> tuple[Embeddings, Written]:
    """The (n, dim) vectors of documents, those in `kept` as they are, and what encoding the others came to."""
    fresh = [document for document in documents if document.id not in kept]
    if not fresh:
        return np.stack([kept[document.id] for document in documents]), Written()
    try:
        encoded = encoder.encode([document.content for document in fresh], "document")
    except TooLongError as error:
        raise error.named([document.id for document in fresh]) from None
    made = dict(zip((document.id for document in fresh), encoded.vectors, strict=True)) | kept
    spent = Written(encoded=len(fresh), truncated=encoded.truncated, cut_tokens=encoded.cut_tokens)
    return np.stack([made[document.id] for document in documents]), spent
