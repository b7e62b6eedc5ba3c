"""The tables that the Trainer reads: a data set's rows, with a teacher's labels or damaged sentences added."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from semtune.dataset import Dataset
from semtune.progress import QUIET, Progress
from semtune.train.data.columns import row_columns
from semtune.train.data.damaged_sentences import damaged
from semtune.train.data.rows import RowsSummary
from semtune.train.data.teacher_labels import teacher_labels
from semtune.types import Split

DEV_LOSS_ROWS = 512  # enough for a curve
DENOISING = "DenoisingAutoEncoderLoss"
LABEL_COLUMNS = ("score", "label")  # all other columns hold texts


def trainer_table(
    dataset: Dataset,
    rows: RowsSummary,
    split: Split,
    loss: str,
    seed: int,
    teacher: Path | None = None,
    dimension: int = 0,
    progress: Progress = QUIET,
) -> Any:
    """One split as a `datasets.Dataset`. Of dev only `DEV_LOSS_ROWS` rows are used: they are for the dev loss alone.

    Args:
        dataset: that the rows are taken from.
        rows: summary of its training rows.
        split: train or dev.
        loss: that will read the table.
        seed: of the damage done to sentences for `DenoisingAutoEncoderLoss`.
        teacher: folder of the model that gives the labels; None: no teacher.
        dimension: of the model that is trained.
        progress: where the teacher's work is shown.
    """
    from datasets import Dataset as Table
    from datasets import disable_progress_bars

    disable_progress_bars()
    made = row_columns(dataset, rows, split, None if split == "train" else DEV_LOSS_ROWS)
    texts = next(iter(made.values()))
    if loss == DENOISING:
        made = {"damaged": damaged(texts, seed), "text": texts}
    elif teacher is not None:
        made = made | {"label": teacher_labels(made, teacher, loss, dimension, progress) if texts else []}
    elif rows.shape == "plain sentences":
        made = {"text": texts, "again": texts}
    return Table.from_dict(made)


def column_prompts(names: list[str], query: str, document: str) -> dict[str, str] | None:
    """The prompt of each column; all columns of a symmetric task get the query prompt, as E5 advises."""
    if not (query or document):
        return None
    return {
        name: document if name == "positive" or name.startswith("negative") else query
        for name in names
        if name not in LABEL_COLUMNS
    }
