"""Makes an empty collection beside another one: for a copy in another back-end, or for the next version."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from semtune.errors import ContractError, GateError, InputError
from semtune.index import manifest as manifests
from semtune.index.build import best_scores, recall_of
from semtune.index.collection import Collection
from semtune.index.copy import copy_documents, differences
from semtune.index.current import opened
from semtune.index.manifest import IndexManifest
from semtune.index.open import backend_of, create_collection, open_collection
from semtune.index.settings import IndexSettings
from semtune.index.write import batches
from semtune.io import atomic_folder, storage_errors
from semtune.progress import QUIET, Progress
from semtune.protocols import Encoder
from semtune.types import Embeddings

OLD_BACKENDS = {"faiss": "local"}
"""Back-ends that are only read → the one that takes their place."""
PLACE = ("uri", "database", "token_env", "tls_ca", "tls_certificate", "tls_key")
"""Settings that say where a database is; a manifest has them, too."""
FIRST_FILES = (
    *(f"{manifests.DATABASE}{end}" for end in ("", "-wal", "-shm")),
    "vectors.faiss", "documents.jsonl", "documents.offsets.npy",
)  # fmt: skip


@runtime_checkable
class DatabaseBackend(Protocol):
    """A back-end whose collections lie in a database, beside those of others."""

    def switch(self, before: IndexManifest, after: IndexManifest) -> None:
        """Move the aliases of one collection to another."""
        ...

    def drop(self, manifest: IndexManifest) -> None:
        """Drop a collection."""
        ...


def settings_of(manifest: IndexManifest) -> IndexSettings:
    """The settings for another collection in the same back-end, or in the one that took its place."""
    backend = OLD_BACKENDS.get(manifest.backend, manifest.backend)
    place = {name: getattr(manifest, name) for name in PLACE}
    return IndexSettings(backend=backend, truncate=manifest.truncate, **place)


def copy_index(index: Path, new: Path, settings: IndexSettings, progress: Progress = QUIET) -> tuple[int, str, str]:
    """Copy an index into a new folder with another back-end, without encoding; the copy is compared with it.

    Returns:
        Number of documents, and the names of the two back-ends.

    Raises:
        GateError: the copy differs. It is not kept.
    """
    with opened(index) as old, old.snapshot() as seen, atomic_folder(new) as scratch:
        before = old.manifest
        model = (index / before.model).resolve()
        place = {name: getattr(settings, name) for name in PLACE}
        made = replace(before, backend=settings.backend, model=manifests.reference(model, new), collection="", **place)
        copy = create_collection(scratch, new, settings, made)
        try:
            copy_documents(seen, copy, progress)
            copy.compact(progress)
            with copy.snapshot() as written:
                wrong = differences(seen, written, progress)
                count = written.count()
            kept = replace(copy.manifest, count=count)
        finally:
            copy.close()
        manifests.write(kept, scratch)
        if wrong:
            raise GateError(
                f"The copy of {index} differs: {'; '.join(wrong)}. It was not kept. Check the index with "
                f"`semtune verify {index}`."
            )
    return count, before.backend, settings.backend


def begin_version(
    index: Path, version: Path, before: IndexManifest, encoder: Encoder, model: Path
) -> tuple[Collection, bool]:
    """The collection of an index's next version: the one that was begun with this model, or an empty one.

    Args:
        index: its folder.
        version: the folder of the next version.
        before: the manifest of the current version.
        encoder: the new model.
        model: its folder.

    Returns:
        The collection, and whether it was begun before.
    """
    begun = _begun(version, encoder)
    if begun is not None:
        return begun, True
    drop_version(version)
    settings = settings_of(before)
    made = replace(
        before,
        backend=settings.backend,
        dimension=encoder.contract.dimension,
        model=manifests.reference(model, index),
        model_name=encoder.contract.name,
        fingerprint=encoder.contract.document_fingerprint,
        runtime=encoder.runtime,
        collection="",
        truncated=0,
        cut_tokens=0,
    )
    with storage_errors(version):
        version.mkdir(parents=True)
    made = replace(made, index_type="", recall_at_10=1.0)
    created = create_collection(version, version, settings, made)
    manifests.write(created.manifest, version)  # now, so that a killed upgrade can be continued
    return created, False


def _begun(version: Path, encoder: Encoder) -> Collection | None:
    """What a killed upgrade to the same model left; None if there is none, or it cannot be continued."""
    if not version.is_dir():
        return None
    try:
        found = manifests.read(version)
        if not manifests.made_by(found, encoder.contract):
            return None
        manifests.require_same_arithmetic(found, encoder.runtime)
        return open_collection(version, found)
    except (InputError, ContractError):
        return None


def drop_version(version: Path) -> None:
    """Delete a version in a folder of its own, and its collection where a database keeps it."""
    if not version.is_dir():
        return
    _drop_collection(version)
    with storage_errors(version):
        shutil.rmtree(version, ignore_errors=True)


def _drop_collection(version: Path) -> None:
    try:
        manifest = manifests.read(version)
    except InputError:  # it was never finished
        return
    backend = backend_of(manifest.backend)
    if isinstance(backend, DatabaseBackend):
        backend.drop(manifest)


def move_aliases(before: IndexManifest, after: IndexManifest) -> None:
    """Let other clients of a database find the version that is searched now."""
    backend = backend_of(after.backend)
    if before.backend == after.backend and isinstance(backend, DatabaseBackend):
        backend.switch(before, after)


def finish_version(version: Path, new: Collection, asked: Embeddings, asked_with: str) -> None:
    """Measure the recall of a version that is filled, and write it into its manifest.

    Args:
        version: its folder.
        new: its collection.
        asked: (m, dim) query vectors.
        asked_with: what they are: "queries" or "chunks".
    """
    best = np.full((len(asked), 0), -np.inf, dtype=np.float32)
    with new.snapshot() as seen:
        for batch in batches(seen.documents()):
            best = best_scores(best, asked, seen.vectors([document.id for document in batch]))
        recall, count = recall_of(seen, asked, best), seen.count()
    made = replace(manifests.read(version), count=count, recall_of=count, recall_at_10=recall, asked_with=asked_with)
    manifests.write(replace(made, index_type=new.manifest.index_type or made.index_type), version)


def clear_first(index: Path) -> None:
    """Delete the files of the version in the index folder itself, when it is neither searched nor kept any more.

    `manifest.json` stays: it marks the folder as an index.
    """
    _drop_collection(index)
    with storage_errors(index):
        for name in FIRST_FILES:
            (index / name).unlink(missing_ok=True)
        shutil.rmtree(index / "segments", ignore_errors=True)
