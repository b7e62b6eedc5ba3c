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

VECTORS = {"MSELoss", "EmbedDistillLoss"}
BATCH = 256  # rows between two looks at the progress


def is_cross_encoder(folder: Path) -> bool:
    """Whether a folder holds a model that reads both texts at once and scores them."""
    config = folder / "config.json"
    if (folder / "1_Pooling").is_dir() or not config.exists():
        return False
    values = read_json(config)
    names = values.get("architectures") or [] if isinstance(values, dict) else []
    return any(str(name).endswith("ForSequenceClassification") for name in names)


def labels(
    columns: dict[str, list[Any]], teacher: Path, loss: str, dimension: int, progress: Progress = QUIET
) -> list[Any]:
    """What a loss learns from the teacher, a label a row.

    Args:
        columns: texts by column: anchor, positive, negatives; or text.
        teacher: a sentence-transformers folder, or a cross-encoder's.
        loss: `MSELoss` and `EmbedDistillLoss` get the first column's vectors, (rows, dim); the others the scores of the
            anchor with the positive and each negative, (rows, 1 + negatives): cosines, or of a cross-encoder its
            logits through a sigmoid, so that they are on a scale that cosines can reach.
        dimension: of the model that learns.
        progress: where to show it.

    Raises:
        InputError: the teacher cannot give such labels.
        ModelError: the teacher cannot be opened.
    """
    texts = list(columns.values())
    if loss in VECTORS:
        if is_cross_encoder(teacher):
            raise InputError(f"{teacher} is a cross-encoder: it has no vectors for {loss}. Give an encoder as teacher.")
        made = TorchEncoder.load(teacher).encode(texts[0], "document", progress).vectors
        if made.shape[1] != dimension:
            raise InputError(
                f"The teacher's vectors have {made.shape[1]} dimensions, the model's {dimension}: {loss} needs the same. "
                "Choose a teacher or a model of like dimension."
            )
        return made.tolist()
    if is_cross_encoder(teacher):
        return _judged(texts, teacher, progress)
    encoder = TorchEncoder.load(teacher)
    anchors = encoder.encode(texts[0], "query", progress).vectors
    others = [encoder.encode(column, "document", progress).vectors for column in texts[1:]]
    return np.stack([(anchors * vectors).sum(1) for vectors in others], axis=1).tolist()


def _judged(texts: list[list[str]], teacher: Path, progress: Progress) -> list[list[float]]:
    judge = CrossEncoderJudge.load(str(teacher), "train.teacher")
    scores = np.empty((len(texts[0]), len(texts) - 1), dtype=np.float32)
    with progress.track("teacher", scores.size) as advance:
        for column, others in enumerate(texts[1:]):
            for start in range(0, len(others), BATCH):
                rows = slice(start, start + BATCH)
                scores[rows, column] = judge(list(zip(texts[0][rows], others[rows], strict=True)))
                advance(len(others[rows]))
    return scores.tolist()


def open_guide(name: str, base: Path) -> Any:
    """The model that tells a GIST loss which negatives are false; the untouched backbone where none is named."""
    from semtune.hub import resolve

    return open_sentence_transformer(resolve(name) if name else base)
