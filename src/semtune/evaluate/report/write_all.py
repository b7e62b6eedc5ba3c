"""Writes everything that an evaluation leaves behind: the page, the metrics, run files, stages and thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.evaluate.report.page import write_report
from semtune.evaluate.saved.write import write_files
from semtune.io import storage_errors, write_json

if TYPE_CHECKING:
    from semtune.dataset import Dataset
    from semtune.evaluate.report.further_results import FurtherResults
    from semtune.evaluate.verdict.outcome import Outcome

PAGE, STAGES, THRESHOLDS = "report.html", "stages.json", "thresholds.json"


def write_all(
    out: Path,
    outcome: Outcome,
    data: Dataset,
    title: str,
    extras: FurtherResults,
    log: Sequence[Mapping[str, Any]] = (),
    notes: Sequence[str] = (),
) -> None:
    """Write an evaluation into the folder `out`.

    Args:
        out: made if it is missing; files of an earlier evaluation are replaced or removed.
        outcome: systems, comparisons and the verdict.
        data: that it was measured on.
        title: of the page.
        extras: further parts of the page.
        log: of the training.
        notes: sentences about the training.
    """
    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        for name in (STAGES, THRESHOLDS):  # of an evaluation that was here before
            (out / name).unlink(missing_ok=True)
    write_report(out / PAGE, outcome, data, "test", log or None, title, notes, extras)
    if extras.stages:
        write_json(out / STAGES, extras.stages.as_dict())
    if extras.calibrated:
        write_json(out / THRESHOLDS, extras.calibrated.as_dict())
    write_files(out, outcome)
