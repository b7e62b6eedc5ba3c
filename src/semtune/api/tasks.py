"""What embeddings are used for beside search."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from semtune.progress import QUIET, Progress

if TYPE_CHECKING:
    from semtune.protocols import Encoder
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
        MissingExtraError: scikit-learn is not installed, and examples were given; or training is not, with `tune`.

    Example:
        >>> settings = semtune.ClassifySettings(labels="billing,delivery")  # doctest: +SKIP
        >>> semtune.classify("all-MiniLM-L6-v2", "mails.csv", settings).counts  # doctest: +SKIP
        {'delivery': 812, 'billing': 407}
    """
    from semtune.encoders.load import load_encoder
    from semtune.tasks.classify.job import classify_file

    encoder, place = load_encoder(model, runtime), Path(out) if out else None
    if not settings.tune:
        return classify_file(encoder, Path(file), settings, place, progress)
    return _with_tuning(encoder, model, Path(file), settings, place, progress)


def _with_tuning(
    encoder: Encoder, model: str, file: Path, settings: ClassifySettings, out: Path | None, progress: Progress
) -> Classified:
    from semtune.sources import model_ref
    from semtune.tasks.classify.job import classify_file
    from semtune.tuned_classifier import ClassifierTuning

    folder = Path(settings.save).absolute()
    work = folder.parent / f".{folder.name}.tuning"
    tuning = ClassifierTuning(model_ref(model), work, settings.seed, progress)
    made = classify_file(encoder, file, settings, out, progress, tuning)
    shutil.rmtree(work, ignore_errors=True)
    return made
