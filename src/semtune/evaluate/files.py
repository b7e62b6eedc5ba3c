"""The files of an evaluation beside its page: TREC runs, values a query, the Markdown summary, metrics.json."""

from __future__ import annotations

from pathlib import Path

from semtune.evaluate.markdown import summary_page
from semtune.evaluate.outcome import Outcome, write_trec_run
from semtune.evaluate.saved import METRICS, PER_QUERY, write_per_query
from semtune.io import atomic_file, write_json

SUMMARY = "summary.md"


def write_files(folder: Path, outcome: Outcome) -> None:
    """Write them into a folder that exists, metrics.json last."""
    for name, scores in outcome.systems.items():
        if scores.run:
            write_trec_run(folder / f"{name}.trec", scores, name)
    write_per_query(folder / PER_QUERY, outcome.systems)
    with atomic_file(folder / SUMMARY) as page:
        page.write(summary_page(outcome))
    write_json(folder / METRICS, outcome.metrics_json())
