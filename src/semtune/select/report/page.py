"""The page of a selection: the recommended backbone first, then the tables and plots behind it."""

from __future__ import annotations

from pathlib import Path

from semtune.machine import cpu_name, usable_cpus
from semtune.registry import installed
from semtune.report import render
from semtune.report.elements import Figure, Headline, Note, many
from semtune.select.report import tables
from semtune.select.select_backbone import Selection

LIMITS = {
    "latency_ms": "p95 of one query ≤ {} ms",
    "dim": "dimensions ≤ {}",
    "memory_mb": "memory ≤ {} MB",
    "index_mb": "index of a million vectors ≤ {} MB",
}


def write_report(selection: Selection, path: Path, title: str) -> None:
    """Write `report.html`: one file without scripts that fetches nothing, for light and dark screens.

    Raises:
        StorageError: the file cannot be written.
    """
    values = {
        "title": title,
        "subtitle": _subtitle(selection),
        "headline": _headline(selection),
        "candidates": tables.candidates_table(selection),
        "figures": _figures(selection),
        "plots": installed("matplotlib"),
        "rounds": tables.rounds(selection),
        "costs": tables.costs_table(selection),
        "recommended": selection.recommendation.name,
        "smaller": tables.smaller_table(selection),
        "skipped": [Note(one.why, one.asked) for one in selection.skipped],
        "measured": _measured(selection),
    }
    render.write_page(path, "selection.html", values)


def _subtitle(selection: Selection) -> str:
    among = f" among {selection.passages:,} passages" if selection.passages else ""
    limits = ", ".join(LIMITS[name].format(f"{value:g}") for name, value in selection.settings.limits.given().items())
    parts = [f"{len(selection.rows)} backbones on {selection.n:,} dev {selection.unit}{among}", limits]
    return " · ".join(part for part in parts if part)


def _headline(selection: Selection) -> Headline:
    taken, reasons = selection.recommended, [Note(reason) for reason in selection.reasons]
    measured = many(len(selection.rows), "measured backbone")
    if taken:
        return Headline("good", taken.candidate.name, f"This is the backbone to tune, out of {measured}.", reasons)
    if any(row.over for row in selection.rows):
        return Headline("bad", "None is within the limits", f"No backbone is recommended, out of {measured}.", reasons)
    return Headline("bad", "None", f"No backbone is recommended, out of {measured}.", reasons)


def _figures(selection: Selection) -> list[Figure]:
    if not installed("matplotlib"):
        return []
    from semtune.select.report import plots

    label, taken = selection.label, selection.recommendation.name
    made = [
        Figure(
            plots.pareto(selection.rows, taken, label),
            "a dot is the best result of a candidate, the dash below it the result before tuning; a larger dot has "
            "more dimensions. No candidate is both better and faster than those on the broken line; speeds that differ "
            "by less than a factor of 1.2 count as equal.",
            "Quality and speed",
        )
    ]
    if curve := plots.trials(selection.rows, selection.rounds, taken, label):
        caption = "each starts again from the untuned model, with twice the steps of the round before."
        made.append(Figure(curve, caption, "Trials"))
    if sizes := plots.dimensions(selection.smaller, label):
        made.append(Figure(sizes, "with fewer dimensions: its first ones, or those of a PCA.", taken))
    return made


def _measured(selection: Selection) -> dict[str, object]:
    settings = selection.settings
    costs = [row.cost for row in selection.rows]
    return {
        "machine": f"{cpu_name()}, {usable_cpus()} processors",
        "runtime of the speed and memory measurements": ", ".join(sorted({cost.runtime for cost in costs})),
        "passages in bulk, queries one by one": f"{costs[0].texts:,}, {costs[0].queries:,}" if costs else "",
        "first round of trials": f"{settings.steps} steps",
        "seed": selection.seed,
    }
