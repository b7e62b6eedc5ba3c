"""What embeddings are used for beside search."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from semtune.progress import QUIET, Progress

if TYPE_CHECKING:
    from semtune.tasks.classify.job import Classified
    from semtune.tasks.classify.settings import ClassifySettings


def classify(
    model: str,
    file: str | Path,
    settings: ClassifySettings,
    *,
    out: str | Path | None = None,
    runtime: str = "auto",
    progress: Progress = QUIET,
) -> Classified:
    """Give every text of a file one of several classes, or say that none fits.

    Args:
        model: a name, a hub id, a model folder or a run folder.
        file: text lines, JSON lines, CSV, TSV or Parquet, each also as .gz; or another table.
        settings: the classes by their names, by examples, or from a saved classifier.
        out: a .csv or .jsonl file for the rows.
        runtime: of the model.
        progress: shown while it works.

    Raises:
        InputError: a file cannot be read, or the classes cannot be told apart.
        ContractError: the saved classifier is another model's.
        MissingExtraError: scikit-learn is not installed, and examples were given.

    Example:
        >>> settings = semtune.ClassifySettings(labels="billing,delivery")  # doctest: +SKIP
        >>> semtune.classify("all-MiniLM-L6-v2", "mails.csv", settings).counts  # doctest: +SKIP
        {'delivery': 812, 'billing': 407}
    """
    from semtune.encoders.load import load_encoder
    from semtune.tasks.classify.job import classify_file

    encoder = load_encoder(model, runtime)
    return classify_file(encoder, Path(file), settings, Path(out) if out else None, progress)
