"""The index stage: an existing index of a test's corpus, or one built in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from semtune.contract import Contract
from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.index import manifest as manifests
from semtune.index.documents import DocumentStore
from semtune.index.faiss import FILE, FaissIndex
from semtune.index.open import open_vectors, vectors_bytes
from semtune.protocols import VectorIndex
from semtune.types import Document, Embeddings

BLOCK = 1024  # documents read at a time


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


def index_in_memory(vectors: Embeddings, documents: Sequence[Document], runtime: str) -> ServedIndex:
    """The FAISS index that `semtune index` would build from the (n, dim) vectors of `documents`."""
    index = FaissIndex.build(vectors)
    with tempfile.TemporaryDirectory(prefix="semtune.") as name:
        index.save(Path(name))
        size = (Path(name) / FILE).stat().st_size
    return ServedIndex(index, [document.id for document in documents], runtime, f"{index.kind} in faiss", size)


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
    manifest = manifests.read(folder)
    manifests.require_same_model(manifest, contract)
    ids = _ids(DocumentStore(folder), dataset, folder)
    kind = f"{manifest.index_type} in {manifest.backend}"
    return ServedIndex(open_vectors(folder, manifest), ids, manifest.runtime, kind, vectors_bytes(folder, manifest))


def _ids(store: DocumentStore, dataset: Dataset, folder: Path) -> list[str]:
    """The document ids by row; other documents than those of the corpus are refused."""
    corpus = {document.id: document.content for document in dataset.corpus}
    ids: list[str] = []
    for start in range(0, len(store), BLOCK):
        for document in store.get(range(start, min(start + BLOCK, len(store)))):
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
