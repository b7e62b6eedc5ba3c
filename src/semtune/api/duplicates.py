"""Duplicates: near-equal texts of a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from semtune.api.defaults import DEFAULT_MODEL
from semtune.progress import QUIET, Progress

if TYPE_CHECKING:
    from semtune.tasks.duplicates.job import Duplicates
    from semtune.tasks.duplicates.settings import DuplicatesSettings


def duplicates(
    file: str | Path,
    settings: DuplicatesSettings | None = None,
    *,
    model: str = DEFAULT_MODEL,
    out: str | Path | None = None,
    runtime: str = "auto",
    progress: Progress = QUIET,
) -> Duplicates:
    """Find near-equal texts of a file, as pairs and as groups, or those that another file holds already.

    Args:
        file: text lines, JSON lines, CSV, TSV or Parquet, each also as .gz; or another table.
        settings: what counts as a duplicate; None: the defaults.
        model: a name, a hub id, a model folder or a run folder.
        out: a folder for the pairs, the groups, the file without duplicates, what was removed, and a review page.
        runtime: of the model.
        progress: shown while it works.

    Raises:
        InputError: a file cannot be read, or the labelled pairs give no threshold.
        ConfigError: the threshold is not above 0 and at most 1, or `out` was not made by this command.

    Example:
        >>> found = semtune.duplicates("questions.csv", semtune.DuplicatesSettings(threshold=0.85))  # doctest: +SKIP
        >>> found.removed, found.kept  # doctest: +SKIP
        (1204, 8796)
    """
    from semtune.encoders.load import load_encoder
    from semtune.tasks.duplicates.job import find_duplicates
    from semtune.tasks.duplicates.settings import DuplicatesSettings

    chosen = settings if settings is not None else DuplicatesSettings()
    encoder = load_encoder(model, runtime, truncate=chosen.truncate)
    return find_duplicates(encoder, Path(file), chosen, Path(out) if out else None, progress)
