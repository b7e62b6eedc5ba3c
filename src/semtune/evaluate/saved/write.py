"""Writes the files of an evaluation besides its page: TREC runs, values per query, summary.md, metrics.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from semtune import formats
from semtune.errors import InputError
from semtune.evaluate.saved.markdown import summary_page
from semtune.evaluate.saved.read import METRICS, PER_QUERY, write_per_query
from semtune.evaluate.verdict.outcome import Outcome, write_trec_run
from semtune.io import atomic_file, read_json, write_json

SUMMARY = "summary.md"


def write_files(folder: Path, outcome: Outcome) -> None:
    """Write the files into an existing folder, metrics.json last; TREC runs of an earlier evaluation are deleted."""
    for system in _before(folder).keys() - outcome.systems.keys():
        (folder / f"{Path(system).name}.trec").unlink(missing_ok=True)
    for name, scores in outcome.systems.items():
        if scores.run:
            write_trec_run(folder / f"{name}.trec", scores, name)
    write_per_query(folder / PER_QUERY, outcome.systems)
    with atomic_file(folder / SUMMARY) as page:
        page.write(summary_page(outcome))
    write_json(folder / METRICS, formats.EVALUATION.stamp(outcome.metrics_json()))


def _before(folder: Path) -> dict[str, Any]:
    """The systems of an earlier evaluation in the folder; empty if there is none that can be read."""
    try:
        values = read_json(folder / METRICS) if (folder / METRICS).is_file() else {}
    except InputError:
        return {}
    systems = values.get("systems") if isinstance(values, dict) else None
    return systems if isinstance(systems, dict) else {}
