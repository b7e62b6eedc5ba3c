"""What every back-end checks before it writes: documents and vectors that cannot be kept are refused whole."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from semtune.errors import InputError
from semtune.types import Document, Embeddings


def check_batch(documents: Sequence[Document], vectors: Embeddings, dimension: int) -> Embeddings:
    """Check documents and their (n, dim) vectors; returns the vectors as contiguous float32.

    Raises:
        InputError: an id is missing or occurs twice, a text or the metadata cannot be stored, or the vectors are not
            (n, `dimension`) finite numbers.
    """
    kept = checked_vectors(vectors, len(documents), dimension)
    _check_ids([document.id for document in documents])
    broken = np.flatnonzero(~np.isfinite(kept).all(axis=1))
    if len(broken):
        raise InputError(
            f"The vector of {documents[broken[0]].id!r} has values that are not finite numbers ({len(broken):,} such "
            "vectors). Nothing was written. Encode these documents again, or leave them out."
        )
    for document in documents:
        _check_content(document)
    return kept


def checked_vectors(vectors: Embeddings, count: int, dimension: int) -> Embeddings:
    """The vectors as contiguous float32.

    Raises:
        InputError: their shape is not (`count`, `dimension`).
    """
    with np.errstate(over="ignore"):  # what is too big for float32 becomes infinite, and is refused as such
        kept = np.ascontiguousarray(vectors, dtype=np.float32)
    if kept.size == 0 and count == 0:
        return kept.reshape(0, dimension)
    if kept.shape != (count, dimension):
        raise InputError(
            f"{count:,} vectors of {dimension} dimensions are needed, but the array has the shape {kept.shape}. Encode "
            "with the model that the index was built with."
        )
    return kept


def first_repeated(ids: Sequence[str]) -> str | None:
    """The first id that stands there for the second time; None if all differ."""
    seen: set[str] = set()
    return next((i for i in ids if i in seen or seen.add(i)), None)


def _check_ids(ids: Sequence[str]) -> None:
    if not all(isinstance(i, str) and i for i in ids):
        wrong = next(i for i in ids if not isinstance(i, str) or not i)
        raise InputError(f"The document id {wrong!r} cannot be used. Ids are strings of at least one character.")
    if (twice := first_repeated(ids)) is not None:
        raise InputError(
            f"The document id {twice!r} occurs more than once in what is to be written. Nothing was written. Ids must "
            "be unique."
        )


def _check_content(document: Document) -> None:
    try:
        text = json.dumps([document.id, document.title, document.text, dict(document.metadata)], ensure_ascii=False)
        text.encode("utf-8")
    except (TypeError, ValueError) as error:  # UnicodeEncodeError is a ValueError
        raise InputError(
            f"The document {document.id!r} cannot be stored ({error}). Nothing was written. Texts must be valid "
            "Unicode, and metadata must be JSON."
        ) from None
