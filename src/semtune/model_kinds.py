"""Model folders of other kinds than embedding models: each is refused by its name, with what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from semtune.errors import ModelError
from semtune.model_places import Places, optional_json

EMBEDDING_MODEL = "Give an embedding model instead, such as all-MiniLM-L6-v2."
SPARSE = (
    "is a sparse encoder (SPLADE): its vectors have a value for each token of the vocabulary. Semtune serves dense "
    "vectors; its own search by words is BM25."
)
MULTI_VECTOR = (
    "is a multi-vector model (ColBERT): it gives a vector for each token, not one for a text, which Semtune does not "
    "serve."
)
CROSS_ENCODER = (
    "is a cross-encoder: it scores a question and a passage together and has no vector for a single text, so it "
    "cannot be the encoder. It is good for judging hard negatives: set prepare.mine_judge to it."
)
SAVED_AS = {"CrossEncoder": CROSS_ENCODER, "SparseEncoder": SPARSE, "MultiVectorEncoder": MULTI_VECTOR}
MODULES = {"SpladePooling": SPARSE, "SparseStaticEmbedding": SPARSE, "MultiVectorMask": MULTI_VECTOR}
ARCHITECTURES = {"HF_ColBERT": MULTI_VECTOR, "ColBERT": MULTI_VECTOR}


def refuse_other_kinds(found: Places, config: Mapping[str, Any]) -> None:
    """Refuse a folder whose model is not an embedding model.

    Raises:
        ModelError: it is a cross-encoder, a sparse encoder or a multi-vector model; the message says what to do.
    """
    saved_as = optional_json(found.settings / "config_sentence_transformers.json").get("model_type")
    architecture = str((config.get("architectures") or [""])[0])
    reasons = [SAVED_AS.get(saved_as), *(MODULES.get(module.kind) for module in found.modules)]
    if not found.modules:
        reasons += [ARCHITECTURES.get(architecture), CROSS_ENCODER if _scores_pairs(config, architecture) else None]
    if reason := next(filter(None, reasons), None):
        raise ModelError(f"{found.folder} {reason} {EMBEDDING_MODEL}")


def _scores_pairs(config: Mapping[str, Any], architecture: str) -> bool:
    """Whether it classifies, and was saved by sentence-transformers' CrossEncoder or has a single label."""
    labels = len(config.get("id2label") or ()) or int(config.get("num_labels") or 2)
    return architecture.endswith("ForSequenceClassification") and (labels == 1 or "sentence_transformers" in config)
