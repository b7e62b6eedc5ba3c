"""A cross-encoder, as judge of hard negatives and as teacher: sentence-transformers on torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from semtune import contract as contracts
from semtune.encoders.cross_encoder_onnx import one_score_needed
from semtune.errors import ModelError
from semtune.hub import resolve_model
from semtune.io import sha256_file, sha256_json
from semtune.registry import need

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

MINE = "mine_judge"
BATCH = 32  # pairs; predict sorts them by length first


class CrossEncoderJudge:
    """Scores (question, passage) pairs from 0 to 1: the sigmoid of the model's output, regardless of its config.

    Raw outputs of MS MARCO models range from about -11 to 11, where a share of the positive's score means little.
    """

    def __init__(self, model: CrossEncoder) -> None:
        self.model = model

    @classmethod
    def load(cls, model: str, setting: str = MINE) -> CrossEncoderJudge:
        """Open a cross-encoder by folder or hub id; `setting` is its name in messages. A folder needs no hub.

        Raises:
            ModelError: there is no such model, or it does not give one score per pair.
            MissingExtraError: sentence-transformers is not installed.
        """
        need("sentence_transformers")
        folder = cross_encoder_folder(model, setting)
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        from sentence_transformers import CrossEncoder
        from transformers.utils import logging

        logging.disable_progress_bar()
        logging.set_verbosity_error()
        try:
            opened = CrossEncoder(str(folder), local_files_only=True)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ModelError(f"{setting}: sentence-transformers cannot open {folder}: {error}") from error
        if opened.num_labels != 1:
            raise ModelError(f"{setting}: {one_score_needed(folder, opened.num_labels)}")
        return cls(opened)

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """(n,) pairs → n scores between 0 and 1."""
        import torch

        with torch.inference_mode():
            scores = self.model.predict(
                list(pairs), batch_size=BATCH, show_progress_bar=False, activation_fn=torch.nn.Sigmoid()
            )
        return [float(score) for score in scores]


def cross_encoder_folder(model: str, setting: str = MINE) -> Path:
    """The folder of a cross-encoder on this machine.

    Raises:
        ModelError: it is not on this machine and cannot be downloaded, or it is not a cross-encoder.
    """
    try:
        folder = resolve_model(model)
    except ModelError as error:
        raise ModelError(f"{setting}: {error}") from None
    if not (folder / "config.json").is_file() or (folder / "1_Pooling").is_dir():
        raise ModelError(
            f"{setting}: {folder} is not a cross-encoder: it embeds texts one by one. Give a model that scores a "
            "question and a passage together, such as cross-encoder/ms-marco-MiniLM-L6-v2, or null."
        )
    return folder


def cross_encoder_hash(model: str) -> str:
    """SHA-256 over weights, config and tokenizer: models with equal hashes give equal scores."""
    folder = cross_encoder_folder(model)
    files = sorted([*folder.glob("*.json"), *folder.glob("*.txt"), *folder.glob("*.model")])
    return sha256_json([contracts.weights_hash(folder), {path.name: sha256_file(path) for path in files}])
