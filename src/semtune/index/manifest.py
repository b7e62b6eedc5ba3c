"""The manifest of an index folder. It is written last, so an index with a manifest is complete."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from semtune import formats
from semtune.contract import Contract
from semtune.errors import ContractError, InputError
from semtune.io import read_json, write_json
from semtune.types import Truncate

FILE = "manifest.json"
DATABASE = "index.sqlite"  # of a local index
KIND = "semtune-index"


@dataclass(frozen=True, slots=True)
class IndexManifest:
    """Which model computed the vectors of an index, and how they are searched.

    Attributes:
        backend: "local", "milvus" or the name of a plug-in; "faiss" for folders of before there was "local".
        index_type: what the back-end built ("Flat" or "HNSW32" of FAISS, "FLAT" or "AUTOINDEX" of Milvus).
        metric: "ip", the inner product, equal to the cosine for unit vectors.
        dimension, count: of the vectors.
        model: folder of the encoder, relative to the index folder if they are in one folder.
        model_name, runtime: of the encoder that computed the vectors.
        fingerprint: of that encoder's document side, see `Contract.document_fingerprint`. Older indexes of a Router
            model have the fingerprint of the whole model.
        recall_at_10: share of the ten documents found by exact search that the index finds.
        truncated: number of documents truncated at the model's length limit.
        uri, collection: where Milvus stores the vectors; else empty.
        database, token_env, tls_ca, tls_certificate, tls_key: of the Milvus server, see `IndexSettings`; no secrets.
        asked_with: what the recall was measured with: real "queries", "chunks" of documents, or, in older indexes,
            whole "documents".
        left_out: reason → number of things in the source that could not be read.
        warnings: about the source, the gravest first.
        truncate: what became of texts longer than the model reads, and becomes of queries: cut, error or window.
        cut_tokens: tokens of the documents that were not read.
        search_mode: "dense", "keyword" or "hybrid": what a search in mode "auto" does.
        query_ms: median time of one search by vector, from the build that measured it; not kept in the file.
        search_mode_reason: why, in a sentence; empty in older indexes.
        recall_of: number of documents that there were when the recall was measured; 0 in older indexes.
        recall_when: when that was, after the build: at a compaction, or when many documents had been added (UTC); empty
            for the measurement of the build itself.
        fusion: how "hybrid" fuses the two rankings, see `semtune.index.fusion.Fusion`, and what was measured.
    """

    backend: str
    index_type: str
    metric: str
    dimension: int
    count: int
    model: str
    model_name: str
    fingerprint: str
    runtime: str
    recall_at_10: float
    truncated: int
    uri: str = ""
    collection: str = ""
    asked_with: str = "documents"
    left_out: Mapping[str, int] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    truncate: Truncate = "cut"
    cut_tokens: int = 0
    database: str = ""
    token_env: str = "SEMTUNE_MILVUS_TOKEN"  # noqa: S105 - the name of a variable
    tls_ca: str = ""
    tls_certificate: str = ""
    tls_key: str = ""
    search_mode: str = "dense"
    query_ms: float = 0.0
    fusion: Mapping[str, Any] = field(default_factory=dict)
    search_mode_reason: str = ""
    recall_of: int = 0
    recall_when: str = ""


def write(manifest: IndexManifest, folder: Path) -> None:
    """Write the manifest atomically: of a local index into its database, with a small file that marks the folder."""
    # A time is nothing of the index's content: equal builds make equal files.
    stamped = {"kind": KIND, **formats.INDEX.stamp(asdict(replace(manifest, query_ms=0.0)))}
    if (folder / DATABASE).is_file():
        from semtune.index.local import stored_manifest

        stored_manifest.write(folder, stamped)
        stamped = mark(manifest.backend)
    write_json(folder / FILE, stamped)


def mark(backend: str) -> dict[str, Any]:
    """What the file of a manifest that is kept in a database says, so that the folder is known as an index."""
    return {"kind": KIND, **formats.INDEX.stamp({"backend": backend})}


def read(folder: Path) -> IndexManifest:
    """Read an index folder's manifest; of a local index, with the number of documents that it has now.

    Raises:
        InputError: the folder is not an index, or its format cannot be read.
    """
    if (folder / DATABASE).is_file():
        from semtune.index.local import stored_manifest

        origin = folder / DATABASE
        values: Any = stored_manifest.read(folder)
    elif (folder / FILE).is_file():
        origin = folder / FILE
        values = read_json(origin)
    else:
        raise InputError(
            f"{folder} is not an index: it has no {FILE}. Build one with `semtune index MODEL CORPUS -o {folder}`."
        )
    if not isinstance(values, dict) or values.pop("kind", None) != KIND:
        raise InputError(
            f"{origin} is not the manifest of an index. Build an index with `semtune index MODEL CORPUS -o INDEX`."
        )
    contents = formats.INDEX.read(values, origin)
    if (folder / FILE).is_file() and set(contents.values) == {"backend"}:
        raise InputError(f"{folder} is incomplete: its {DATABASE} is missing. Build it again with `semtune index`.")
    try:
        return IndexManifest(**contents.known_to(IndexManifest))
    except TypeError as error:
        raise InputError(f"{origin} is damaged ({error}). Build the index again with `semtune index`.") from None


def reference(model: Path, index: Path) -> str:
    """The path of a model for the manifest of an index: relative where both are in one folder, so that it can move."""
    place, base = model.resolve(), index.resolve().parent
    return os.path.relpath(place, index.resolve()) if place.is_relative_to(base) else str(place)


def made_by(manifest: IndexManifest, contract: Contract) -> bool:
    """Whether a model embeds documents exactly as the one that made the vectors of an index."""
    return manifest.fingerprint in {contract.document_fingerprint, contract.fingerprint}


def require_same_model(manifest: IndexManifest, contract: Contract) -> None:
    """Refuse an encoder whose vectors cannot be compared with those of the index.

    Raises:
        ContractError: the fingerprints differ.
    """
    if not made_by(manifest, contract):
        raise ContractError(
            f"This index was built with the model {manifest.model_name!r} (fingerprint {manifest.fingerprint[:12]}), "
            f"but {contract.name!r} has the fingerprint {contract.document_fingerprint[:12]}: their vectors cannot be "
            "compared. Search with the model the index was built with, or build a new index with this one "
            "(`semtune index`)."
        )


def same_arithmetic(manifest: IndexManifest, runtime: str) -> bool:
    """Whether a runtime computes as the index's did: int8 graphs have vectors of their own, all others agree."""
    return ("int8" in manifest.runtime) == ("int8" in runtime)


def require_same_arithmetic(manifest: IndexManifest, runtime: str) -> None:
    """Refuse to mix vectors of int8 graphs with others of the same model; all other runtimes agree (cosine 0.999).

    Raises:
        ContractError: the index was built in int8 and the runtime is not, or the other way round.
    """
    if not same_arithmetic(manifest, runtime):
        raise ContractError(
            f"This index was built with the runtime {manifest.runtime}, and {runtime} gives the same texts other "
            "vectors. Leave --runtime out, which takes one that fits, or build the index with the runtime that you "
            "want: `semtune index MODEL CORPUS -o INDEX --runtime ...`."
        )
