"""The index stage: an existing index of a test's corpus, or what an index of it would be, built for the test."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from semtune.contract import Contract
from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.index import manifest as manifests
from semtune.index import versions
from semtune.index.collection import Collection
from semtune.index.local.compaction import RECALL, TRAINED
from semtune.index.local.kinds import Kind, choose
from semtune.index.local.nearest import merged, search_segment
from semtune.index.local.segments import Segment, SegmentRecord, reaching, write_segment
from semtune.index.open import open_collection, size_of
from semtune.index.sampling import SAMPLE
from semtune.protocols import VectorIndex
from semtune.types import Document, Embeddings, Neighbours


@dataclass(frozen=True, slots=True)
class ServedIndex:
    """An index to measure.

    Attributes:
        vectors: the index.
        ids: (n,) document id of each row.
        runtime: of the encoder that computed the vectors, e.g. "onnx-fp32".
        kind: type of the index, for people.
        bytes: on disk; None for a server.
    """

    vectors: VectorIndex
    ids: Sequence[str]
    runtime: str
    kind: str
    bytes: int | None


def index_in_memory(
    vectors: Embeddings, documents: Sequence[Document], runtime: str, queries: Embeddings | None = None
) -> ServedIndex:
    """The segment that `semtune index` would build from the (n, dim) vectors of `documents`, in a temporary folder.

    Args:
        vectors: of the documents.
        documents: in the same order.
        runtime: of the encoder.
        queries: (m, dim) vectors of queries that the recall is measured with, as an index does; some of them are taken.
    """
    index = SegmentIndex(vectors, queries)
    kind = f"{index.record.kind} in local"
    return ServedIndex(index, [document.id for document in documents], runtime, kind, index.record.bytes)


class SegmentIndex:
    """A segment of a local index, as a `VectorIndex`; see `semtune.index.local.kinds`."""

    def __init__(self, vectors: Embeddings, queries: Embeddings | None) -> None:
        """Build it from (n, dim) vectors, of the kind that suits them and reaches the usual recall."""
        self._scratch = tempfile.TemporaryDirectory(prefix="semtune.")
        place, dimension = Path(self._scratch.name), vectors.shape[1]
        rows = np.arange(1, len(vectors) + 1, dtype=np.int64)
        probes = None if queries is None else queries[:SAMPLE]

        def write(kind: Kind) -> SegmentRecord:
            return write_segment(
                place, kind, [(rows, vectors)], dimension, lambda: vectors[:: max(1, len(vectors) // TRAINED)], RECALL,
                probes,
            )  # fmt: skip

        self.record = reaching(RECALL, choose(len(vectors), dimension), write)
        self._segment = Segment.open(place, self.record, dimension)

    def search(self, vectors: Embeddings, k: int) -> Neighbours:
        """Find the `k` most similar rows for each of the (n, dim) query vectors."""
        found = merged([search_segment(self._segment, None, vectors, k)], len(vectors), k)
        return Neighbours(np.where(found.rows > 0, found.rows - 1, -1), found.scores)

    def close(self) -> None:
        """Remove the folder."""
        del self._segment
        self._scratch.cleanup()


def open_index_of_corpus(folder: Path, contract: Contract, dataset: Dataset) -> ServedIndex:
    """Open an index folder and check that it has the corpus of the data set.

    Args:
        folder: of the index.
        contract: of the model that searches.
        dataset: with the corpus that the index must have.

    Raises:
        InputError: the index is missing or incomplete, or its documents are not those of the corpus.
        ContractError: it was built with another model.
    """
    folder = versions.current(folder)
    manifest = manifests.read(folder)
    manifests.require_same_model(manifest, contract)
    collection = open_collection(folder, manifest)
    ids = _ids(collection, dataset, folder)
    kind = f"{manifest.index_type} in {manifest.backend}"
    return ServedIndex(_Rows(collection, ids), ids, manifest.runtime, kind, size_of(folder, manifest))


class _Rows:
    """A collection whose documents are numbered, as a `VectorIndex`."""

    def __init__(self, collection: Collection, ids: Sequence[str]) -> None:
        self._collection = collection
        self._rows = {name: row for row, name in enumerate(ids)}

    def search(self, vectors: Embeddings, k: int) -> Neighbours:
        """Find the `k` most similar rows for each of the (n, dim) query vectors."""
        with self._collection.snapshot() as snapshot:
            found = snapshot.search(vectors, k)
        rows, scores = np.full((len(vectors), k), -1, np.int64), np.full((len(vectors), k), -np.inf, np.float32)
        for place, matches in enumerate(found):
            rows[place, : len(matches)] = [self._rows[match.id] for match in matches]
            scores[place, : len(matches)] = [match.score for match in matches]
        return Neighbours(rows, scores)

    def close(self) -> None:
        """Let go of the collection."""
        self._collection.close()


def _ids(collection: Collection, dataset: Dataset, folder: Path) -> list[str]:
    """The document ids in the order of the index; other documents than those of the corpus are refused."""
    corpus = {document.id: document.content for document in dataset.corpus}
    ids: list[str] = []
    with collection.snapshot() as snapshot:
        for document in snapshot.documents():
            if corpus.get(document.id) != document.content:
                reason = "is not in the corpus" if document.id not in corpus else "has another text in the corpus"
                raise InputError(
                    f"{folder} has other documents than the test's corpus: {document.id!r} {reason}. Leave --index out "
                    "to build an index of that corpus, or index its corpus.jsonl."
                )
            ids.append(document.id)
    if len(ids) != len(corpus):
        raise InputError(
            f"{folder} has {len(ids):,} documents, but the test's corpus has {len(corpus):,}. Leave --index out to "
            "build an index of that corpus, or index its corpus.jsonl."
        )
    return ids
