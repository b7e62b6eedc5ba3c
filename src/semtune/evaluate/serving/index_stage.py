"""An index as it is served, over a test's corpus: one that lies there, or what `semtune index` would build."""

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
    """An index to be asked.

    Attributes:
        vectors: the back-end.
        ids: (n,) the document of each row.
        runtime: of the encoder that made the vectors, e.g. "onnx-fp32".
        kind: what the back-end built, for people.
        bytes: on disk; None where a server keeps it.
    """

    vectors: VectorIndex
    ids: Sequence[str]
    runtime: str
    kind: str
    bytes: int | None


def index_in_memory(vectors: Embeddings, documents: Sequence[Document], runtime: str) -> ServedIndex:
    """The FAISS index that `semtune index` makes of (n, dim) vectors, row by row those of `documents`."""
    index = FaissIndex.build(vectors)
    with tempfile.TemporaryDirectory(prefix="semtune.") as name:
        index.save(Path(name))
        size = (Path(name) / FILE).stat().st_size
    return ServedIndex(index, [document.id for document in documents], runtime, f"{index.kind} in faiss", size)


def open_index_of_corpus(folder: Path, contract: Contract, dataset: Dataset) -> ServedIndex:
    """Open an index folder, which must hold the corpus that is judged.

    Args:
        folder: of the index.
        contract: of the model that asks.
        dataset: whose corpus the index must hold, text for text.

    Raises:
        InputError: there is no whole index, or it holds other documents.
        ContractError: it is of another model.
    """
    manifest = manifests.read(folder)
    manifests.require_same_model(manifest, contract)
    ids = _ids(DocumentStore(folder), dataset, folder)
    kind = f"{manifest.index_type} in {manifest.backend}"
    return ServedIndex(open_vectors(folder, manifest), ids, manifest.runtime, kind, vectors_bytes(folder, manifest))


def _ids(store: DocumentStore, dataset: Dataset, folder: Path) -> list[str]:
    """The documents by row; refused where they are not those of the corpus: the stages would not be comparable."""
    corpus = {document.id: document.content for document in dataset.corpus}
    ids: list[str] = []
    for start in range(0, len(store), BLOCK):
        for document in store.get(range(start, min(start + BLOCK, len(store)))):
            if corpus.get(document.id) != document.content:
                reason = "is not in the corpus" if document.id not in corpus else "reads otherwise in the corpus"
                raise InputError(
                    f"{folder} holds other documents than the test searches: {document.id!r} {reason}. Leave --index out, "
                    "and an index of the same kind is built over the test's corpus; or index that corpus.jsonl."
                )
            ids.append(document.id)
    if len(ids) != len(corpus):
        raise InputError(
            f"{folder} holds {len(ids):,} documents, the test's corpus {len(corpus):,}. Leave --index out, or index that corpus.jsonl."
        )
    return ids
