"""The index step: builds an index folder from documents and an exported model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.index.settings import IndexSettings
from semtune.progress import Progress
from semtune.types import Document

if TYPE_CHECKING:
    from semtune.index.manifest import IndexManifest
    from semtune.protocols import Encoder

LIBRARIES = ("onnxruntime", "tokenizers", "faiss-cpu", "pymilvus")


@dataclass(frozen=True, slots=True)
class IndexInputs:
    """What index needs.

    Attributes:
        documents: returns the documents to index.
        encoder: opens the encoder that computes the vectors.
        model: the encoder's folder.
        settings: of the step.
        queries: returns real queries to measure the recall with; an empty list if there are none.
        home: the final path of the folder.
        search_mode: is given the folder of the built index, and returns how it is searched in mode "auto": "mode",
            "fusion" and "reason"; {} where nothing says anything.
    """

    documents: Callable[[], Sequence[Document]]
    encoder: Callable[[], Encoder]
    model: Path
    settings: IndexSettings
    queries: Callable[[], Sequence[str]]
    home: Path
    search_mode: Callable[[Path], Mapping[str, Any]] = lambda _folder: {}


@dataclass(frozen=True, slots=True)
class Indexed:
    """The built index."""

    manifest: IndexManifest
    external: Sequence[str] = ()

    def facts(self) -> dict[str, Any]:
        """Documents, type, recall and truncated documents."""
        made = self.manifest
        return {
            "count": made.count, "type": made.index_type, "recall@10": made.recall_at_10, "truncated": made.truncated,
            "cut_tokens": made.cut_tokens, "asked_with": made.asked_with, "search_mode": made.search_mode,
        }  # fmt: skip


def key(inputs: IndexInputs) -> dict[str, Any]:
    """What the index depends on besides the documents and the model."""
    values = inputs.settings.as_dict()
    if values["truncate"] == "cut":  # as in indexes from before there was a choice
        del values["truncate"]
    for name in ("recall", "memory_mb"):
        if values[name] == IndexSettings.model_fields[name].default:
            del values[name]
    if not values["database"]:
        del values["database"]
    for name in ("token_env", "tls_ca", "tls_certificate", "tls_key"):  # how a server is reached changes nothing
        del values[name]
    return values


def run(inputs: IndexInputs, out: Path, progress: Progress) -> Indexed:
    """Embed the documents and write their index into the folder `out`.

    Raises:
        InputError: there are no documents, ids are not unique, or the database cannot be used.
    """
    from semtune.index import manifest as manifests
    from semtune.index.build import build_into
    from semtune.index.open import backend_of

    documents, encoder, queries = inputs.documents(), inputs.encoder(), inputs.queries()
    made = build_into(documents, encoder, inputs.model, out, inputs.settings, progress, inputs.home, queries)
    if chosen := inputs.search_mode(out):
        made = replace(
            made,
            search_mode=str(chosen["mode"]),
            fusion=dict(chosen.get("fusion", {})),
            search_mode_reason=str(chosen.get("reason", "")),
        )
        manifests.write(made, out)
    outside = backend_of(inputs.settings.backend).outside(made)
    return Indexed(made, [str(path) for path in outside])


def damage(folder: Path) -> str:
    """What is damaged in an index folder, in words; documents that were added or deleted since are no damage."""
    from semtune.errors import SemtuneError
    from semtune.index.current import opened

    try:
        with opened(folder) as collection:
            problems = collection.verify()
    except SemtuneError as error:
        problems = [str(error)]
    return f"the index is damaged: {problems[0]}" if problems else ""
