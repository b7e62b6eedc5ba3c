"""A query student and its teacher as one Router model: the student reads queries, the teacher documents."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from semtune.contract import Contract
from semtune.encoders.torch import open_sentence_transformer
from semtune.model_places import keep_files, places


def write_pair(teacher: Path, student: Path, folder: Path) -> None:
    """Write both models into the empty `folder`, in the layout that `SentenceTransformer` opens.

    The document part is the teacher itself, file by file where it has files of its own. A text without a task goes to
    the teacher, too.

    Args:
        teacher: reads documents; its prompts, similarity and dimensions are the pair's.
        student: reads queries.
        folder: of the pair.
    """
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Router

    documents, queries = open_sentence_transformer(teacher, "cpu"), open_sentence_transformer(student, "cpu")
    routes: Any = (list(queries), list(documents))  # typed as torch's modules, which they are as well
    model = SentenceTransformer(
        modules=[Router.for_query_document(*routes, default_route="document")],
        prompts={name: text or "" for name, text in documents.prompts.items()},
        default_prompt_name=documents.default_prompt_name,
        similarity_fn_name=documents.similarity_fn_name,
        truncate_dim=documents.truncate_dim,
        device="cpu",
    )
    model.eval().save_pretrained(str(folder), create_model_card=False)
    keep_files(places(teacher), places(folder, "document"))
    keep_files(places(student), places(folder, "query"))


def document_part(teacher: Contract, name: str) -> Contract:
    """The contract of the document part: the teacher's rules and fingerprint, without what was measured on it."""
    return replace(teacher, name=f"{name} (document)", base="", exports={}, thresholds={}, calibration=None, assumed="")
