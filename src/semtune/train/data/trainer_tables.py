"""A data set's rows as the tables that the Trainer reads, with the labels that a teacher or damage adds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from semtune.dataset import Dataset
from semtune.progress import QUIET, Progress
from semtune.train.data.noise import damaged
from semtune.train.data.rows import Material, columns
from semtune.train.data.teacher_labels import labels
from semtune.types import Split

DEV_ROWS = 512  # of the dev loss: enough for a curve
DENOISING = "DenoisingAutoEncoderLoss"
LABELS = ("score", "label")  # columns that are no texts


def table(
    dataset: Dataset,
    found: Material,
    split: Split,
    loss: str,
    seed: int,
    teacher: Path | None = None,
    dimension: int = 0,
    progress: Progress = QUIET,
) -> Any:
    """One split as a `datasets.Dataset`; of dev only `DEV_ROWS` rows, since they are for the loss alone."""
    from datasets import Dataset as Table
    from datasets import disable_progress_bars

    disable_progress_bars()
    made = columns(dataset, found, split, None if split == "train" else DEV_ROWS)
    texts = next(iter(made.values()))
    if loss == DENOISING:
        made = {"damaged": damaged(texts, seed), "text": texts}
    elif teacher is not None:
        made = made | {"label": labels(made, teacher, loss, dimension, progress) if texts else []}
    elif found.shape == "plain sentences":
        made = {"text": texts, "again": texts}
    return Table.from_dict(made)


def prompts(names: list[str], query: str, document: str) -> dict[str, str] | None:
    """What is put before each column: questions ask, everything of a symmetric task asks too (as E5 advises)."""
    if not (query or document):
        return None
    return {
        name: document if name == "positive" or name.startswith("negative") else query
        for name in names
        if name not in LABELS
    }
