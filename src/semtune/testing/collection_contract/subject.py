"""What is checked, and how the checks compare."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from semtune.errors import InputError
from semtune.index.collection import Collection, Match, content_hash
from semtune.testing.exact_collection import ExactCollection
from semtune.types import Document, Embeddings

DIMENSION = 8


@dataclass(frozen=True, slots=True)
class Subject:
    """A back-end to be checked.

    Attributes:
        make: makes a new, empty collection for vectors of a dimension; the check closes it.
        reopen: closes a collection and opens the same one again, as another process would; None: it is not kept.
        isolated: whether a snapshot does not see later writes. Milvus keeps no old states, so there it does.
    """

    make: Callable[[int], Collection]
    reopen: Callable[[Collection], Collection] | None = None
    isolated: bool = True

    @contextmanager
    def empty(self, dimension: int = DIMENSION) -> Iterator[Collection]:
        """A new collection, which is closed in the end."""
        made = self.make(dimension)
        try:
            yield made
        finally:
            made.close()

    @contextmanager
    def filled(self, documents: Sequence[Document], vectors: Embeddings) -> Iterator[tuple[Collection, Collection]]:
        """A new collection and the reference, with the same documents."""
        with self.empty(vectors.shape[1]) as made:
            reference = ExactCollection.empty(vectors.shape[1])
            same(made.upsert(documents, vectors), reference.upsert(documents, vectors), "the numbers of the upsert")
            yield made, reference


Check: TypeAlias = Callable[[Subject], None]


def same(found: Any, expected: Any, what: str) -> None:
    """Raise unless two values are equal."""
    if found != expected:
        raise AssertionError(f"{what}: found {_short(found)}, expected {_short(expected)}")


def same_array(found: Any, expected: Any, what: str) -> None:
    """Raise unless two arrays are equal in shape, type and every value."""
    if found.dtype != expected.dtype or not np.array_equal(found, expected):
        raise AssertionError(f"{what}: found {_short(found)}, expected {_short(expected)}")


def refused(call: Callable[[], Any], what: str) -> None:
    """Raise unless a call is refused with an InputError that says something."""
    try:
        call()
    except InputError as error:
        if len(str(error).split()) < 3:
            raise AssertionError(f"{what}: the message says nothing: {error}") from None
        return
    raise AssertionError(f"{what}: it was not refused with an InputError")


def same_content(found: Collection, expected: Collection, what: str) -> None:
    """Raise unless two collections hold the same documents with the same hashes and vectors."""
    with found.snapshot() as ours, expected.snapshot() as theirs:
        documents = {document.id: document for document in ours.documents()}
        wanted = {document.id: document for document in theirs.documents()}
        same(sorted(documents), sorted(wanted), f"{what}: the ids")
        ids = list(wanted)
        same(ours.count(), len(ids), f"{what}: the count")
        same(documents, wanted, f"{what}: the documents of a walk")
        same(ours.get(ids), list(wanted.values()), f"{what}: the documents by id")
        same(ours.hashes(ids), {i: content_hash(wanted[i]) for i in ids}, f"{what}: the hashes")
        same_array(ours.vectors(ids), theirs.vectors(ids), f"{what}: the vectors")


def same_answers(found: list[list[Match]], expected: list[list[Match]], what: str) -> None:
    """Raise unless ids and scores are equal, in order; the scores must be exact in float32 (small whole numbers)."""
    same([[(m.id, m.score) for m in one] for one in found], [[(m.id, m.score) for m in one] for one in expected], what)


def whole_numbers(count: int, dimension: int = DIMENSION, seed: int = 0) -> Embeddings:
    """(n, dim) vectors of small whole numbers: their inner products are exact in any order, and often equal."""
    return np.random.default_rng(seed).integers(-3, 4, (count, dimension)).astype(np.float32)


def numbered(count: int, start: int = 0) -> list[Document]:
    """Documents "d0", "d1" and so on."""
    return [
        Document(f"d{i}", f"text of number {i}", f"title {i % 7}", {"number": i, "even": i % 2 == 0})
        for i in range(start, start + count)
    ]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 600 else f"{text[:300]} ... {text[-300:]}"
