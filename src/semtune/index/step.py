"""The index step: documents and an exported model in, an index folder out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.index.settings import IndexSettings
from semtune.progress import Progress
from semtune.registry import INDEXES
from semtune.types import Document

if TYPE_CHECKING:
    from semtune.index.manifest import IndexManifest
    from semtune.protocols import Encoder

LIBRARIES = ("onnxruntime", "tokenizers", "faiss-cpu", "pymilvus")


@dataclass(frozen=True, slots=True)
class IndexInputs:
    """What index needs.

    Attributes:
        documents: gives those to index.
        encoder: opens what makes the vectors.
        model: the encoder's folder.
        settings: of the step.
        queries: gives real queries, to measure the recall with; an empty list where there are none.
        home: where the folder will lie when it is whole.
    """

    documents: Callable[[], Sequence[Document]]
    encoder: Callable[[], Encoder]
    model: Path
    settings: IndexSettings
    queries: Callable[[], Sequence[str]]
    home: Path


@dataclass(frozen=True, slots=True)
class Indexed:
    """The index that was made."""

    manifest: IndexManifest
    external: Sequence[str] = ()

    def facts(self) -> dict[str, Any]:
        """Documents, type, recall and truncated documents."""
        made = self.manifest
        return {
            "count": made.count, "type": made.index_type, "recall@10": made.recall_at_10, "truncated": made.truncated,
            "asked_with": made.asked_with,
        }  # fmt: skip


def key(inputs: IndexInputs) -> dict[str, Any]:
    """What the index depends on beside the documents and the model."""
    return inputs.settings.as_dict()


def run(inputs: IndexInputs, out: Path, progress: Progress) -> Indexed:
    """Embed the documents and fill the folder `out` with their index.

    Raises:
        InputError: no documents, ids that are not unique, or a database that cannot be used.
    """
    from semtune.index.build import build_into

    made = build_into(
        inputs.documents(), inputs.encoder(), inputs.model, out, inputs.settings, progress, inputs.home, inputs.queries()
    )  # fmt: skip
    outside = INDEXES.entry(inputs.settings.backend).load().outside(made)
    return Indexed(made, [str(path) for path in outside])
