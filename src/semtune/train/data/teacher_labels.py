"""Labels from another model: scores of pairs or vectors of texts, for the losses that distil."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from semtune.encoders.cross_encoder import CrossEncoderJudge
from semtune.encoders.torch import TorchEncoder, open_sentence_transformer
from semtune.errors import InputError
from semtune.io import read_json
from semtune.progress import QUIET, Progress

VECTOR_LOSSES = {"MSELoss", "EmbedDistillLoss"}
ROWS_AT_A_TIME = 256  # between two updates of the progress bar


def is_cross_encoder(folder: Path) -> bool:
    """Whether a folder holds a model that reads two texts together and scores them."""
    config = folder / "config.json"
    if (folder / "1_Pooling").is_dir() or not config.exists():
        return False
    values = read_json(config)
    names = values.get("architectures") or [] if isinstance(values, dict) else []
    return any(str(name).endswith("ForSequenceClassification") for name in names)


def teacher_labels(
    columns: dict[str, list[Any]], teacher: Path, loss: str, dimension: int, progress: Progress = QUIET
) -> list[Any]:
    """What a loss learns from the teacher: one label per row.

    Args:
        columns: texts by column: anchor, positive, negatives; or text.
        teacher: a sentence-transformers folder, or a cross-encoder's.
        loss: `MSELoss` and `EmbedDistillLoss` get the vectors of the first column, (rows, dim). The other losses get
            the scores of the anchor with the positive and each negative, (rows, 1 + negatives): cosines, or a
            cross-encoder's logits through a sigmoid, so that cosines can reach them.
        dimension: of the model that is trained.
        progress: where to show it.

    Raises:
        InputError: the teacher cannot give such labels.
        ModelError: the teacher cannot be opened.
    """
    texts = list(columns.values())
    if loss in VECTOR_LOSSES:
        return _vectors(texts[0], teacher, loss, dimension, progress)
    if is_cross_encoder(teacher):
        return _cross_encoder_scores(texts, teacher, progress)
    encoder = TorchEncoder.load(teacher)
    anchors = encoder.encode(texts[0], "query", progress).vectors
    others = [encoder.encode(column, "document", progress).vectors for column in texts[1:]]
    return np.stack([(anchors * vectors).sum(1) for vectors in others], axis=1).tolist()


def _vectors(texts: list[str], teacher: Path, loss: str, dimension: int, progress: Progress) -> list[list[float]]:
    if is_cross_encoder(teacher):
        raise InputError(
            f"{teacher} is a cross-encoder: it has no vectors for {loss}. Set train.teacher to an embedding model."
        )
    made = TorchEncoder.load(teacher).encode(texts, "document", progress).vectors
    if made.shape[1] != dimension:
        raise InputError(
            f"The teacher's vectors have {made.shape[1]} dimensions, the model's {dimension}: {loss} needs the same. "
            "Choose a teacher or a model with the same dimension."
        )
    return made.tolist()


def _cross_encoder_scores(texts: list[list[str]], teacher: Path, progress: Progress) -> list[list[float]]:
    judge = CrossEncoderJudge.load(str(teacher), "train.teacher")
    scores = np.empty((len(texts[0]), len(texts) - 1), dtype=np.float32)
    with progress.track("teacher", scores.size) as advance:
        for column, others in enumerate(texts[1:]):
            for start in range(0, len(others), ROWS_AT_A_TIME):
                rows = slice(start, start + ROWS_AT_A_TIME)
                scores[rows, column] = judge(list(zip(texts[0][rows], others[rows], strict=True)))
                advance(len(others[rows]))
    return scores.tolist()


def open_guide(name: str, base: Path) -> Any:
    """The model that tells a GIST loss which negatives are false: the one named, or else the untuned backbone."""
    from semtune.hub import resolve_model

    return open_sentence_transformer(resolve_model(name) if name else base)
