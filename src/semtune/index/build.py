"""`semtune index`: documents and an encoder in, an index folder out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from semtune.errors import ConfigError, InputError, nearest
from semtune.index import manifest as manifests
from semtune.index.documents import write_store
from semtune.index.exact import ExactIndex
from semtune.index.manifest import IndexManifest
from semtune.io import atomic_folder
from semtune.progress import QUIET, Progress
from semtune.types import Document, Embeddings, Encoder, VectorIndex

Backend = Literal["faiss", "milvus"]
BACKENDS = ("faiss", "milvus")
SAMPLE, DEPTH = 200, 10


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """How vectors are kept.

    Attributes:
        backend: "faiss" (a file) or "milvus" (a database).
        uri: for Milvus, a file ending in .db (milvus-lite) or a server's address.
        collection: for Milvus, a name under which other clients find the collection; empty for none.
    """

    backend: str = "faiss"
    uri: str = ""
    collection: str = ""

    def check(self) -> None:
        """Refuse what cannot be built.

        Raises:
            ConfigError: unknown back-end, or a URI missing or out of place.
        """
        if self.backend not in BACKENDS:
            raise ConfigError(
                f"Unknown index backend {self.backend!r}. Allowed: {', '.join(BACKENDS)}.{nearest(self.backend, BACKENDS)}"
            )
        if self.backend == "milvus" and not self.uri:
            raise ConfigError(
                "The milvus backend needs a uri: a file ending in .db for milvus-lite, or a server's address like http://localhost:19530."
            )
        if self.backend == "faiss" and self.uri:
            raise ConfigError(
                f"A uri ({self.uri!r}) is for the milvus backend; say backend milvus, or leave the uri out."
            )


def build(
    documents: Sequence[Document],
    encoder: Encoder,
    model_folder: Path,
    out: Path,
    settings: IndexSettings,
    progress: Progress = QUIET,
    home: Path | None = None,
) -> IndexManifest:
    """Embed `documents` and index them in the folder `out`.

    Args:
        documents: with unique string ids.
        encoder: makes the vectors; `model_folder` is where a searcher will find it again.
        out: replaced as a whole when done; an index there stays until then.
        home: where the folder will lie in the end, if `out` is a scratch place; the path to the model is
            written relative to it.

    Raises:
        InputError: no documents, or ids that are not unique.
        ConfigError: see `IndexSettings.check`.
    """
    settings.check()
    _check_documents(documents)
    encoded = encoder.encode([document.content for document in documents], "document", progress)
    if not np.isfinite(encoded.vectors).all():
        raise InputError(
            f"The model {encoder.contract.name!r} gave vectors that are not numbers (NaN); it cannot be indexed."
        )
    home = home or out
    with atomic_folder(out) as scratch:
        write_store(documents, scratch)
        index, kind, collection = _fill(encoded.vectors, [d.id for d in documents], settings, scratch, home, progress)
        made = IndexManifest(
            backend=settings.backend,
            index_type=kind,
            metric="ip",
            dimension=encoded.vectors.shape[1],
            count=len(documents),
            model=_reference(model_folder, home),
            model_name=encoder.contract.name,
            fingerprint=encoder.contract.fingerprint,
            runtime=encoder.runtime,
            recall_at_10=_recall(index, encoded.vectors),
            truncated=encoded.truncated,
            uri=_absolute(settings.uri),
            collection=collection,
        )
        index.close()
        manifests.write(made, scratch)
    return made


def _check_documents(documents: Sequence[Document]) -> None:
    if not documents:
        raise InputError("There are no documents to index.")
    ids = [document.id for document in documents]
    if len(set(ids)) != len(ids):
        seen: set[str] = set()
        twice = next(i for i in ids if i in seen or seen.add(i))
        raise InputError(f"The document id {twice!r} occurs more than once. Ids must be unique.")


def _fill(
    vectors: Embeddings, ids: list[str], settings: IndexSettings, folder: Path, home: Path, progress: Progress
) -> tuple[VectorIndex, str, str]:
    """Put the vectors into the back-end; returns the index, its type and its collection."""
    if settings.backend == "milvus":
        from semtune.index.milvus import MilvusIndex

        collection = _collection_name(home, settings.collection)
        index = MilvusIndex.build(vectors, ids, settings.uri, collection, progress, alias=settings.collection)
        return index, index.kind, collection
    from semtune.index.faiss import FaissIndex

    index = FaissIndex.build(vectors)
    index.save(folder)
    return index, index.kind, ""


def _collection_name(home: Path, wanted: str) -> str:
    """A name from the folder's name and place: two indexes in one database do not meet.

    It ends in _a or _b, whichever the index that lies there now does not use: that one answers until the new
    one is whole, and one that was being searched meanwhile goes on being right.
    """
    place = str(home.resolve())
    letters = "".join(c if c.isascii() and c.isalnum() else "_" for c in Path(place).name)
    name = f"{wanted or 'semtune_' + letters[:60]}_{hashlib.sha256(place.encode()).hexdigest()[:8]}"
    try:
        current = manifests.read(home).collection
    except InputError:  # none, or a damaged one, which is replaced
        current = ""
    return f"{name}_b" if current == f"{name}_a" else f"{name}_a"


def _absolute(uri: str) -> str:
    return uri if not uri or "://" in uri else str(Path(uri).resolve())


def _reference(model_folder: Path, home: Path) -> str:
    """A path that survives moving the run as a whole: relative if both lie in one folder."""
    model, base = model_folder.resolve(), home.resolve().parent
    return os.path.relpath(model, home.resolve()) if model.is_relative_to(base) else str(model)


def _recall(index: VectorIndex, vectors: Embeddings) -> float:
    """Recall@10 against exact search, asking with a sample of the documents themselves."""
    rng = np.random.default_rng(0)
    sample = vectors[rng.choice(len(vectors), min(SAMPLE, len(vectors)), replace=False)]
    depth = min(DEPTH, len(vectors))
    exact, found = ExactIndex(vectors).search(sample, depth), index.search(sample, depth)
    # By score, not by row: equal documents have equal vectors, and either is right.
    floor = exact.scores[:, -1:] - 1e-5
    return float((found.scores >= floor).mean())
