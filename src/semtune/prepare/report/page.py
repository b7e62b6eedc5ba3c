"""The page of a data set: what came in, what came out, what was left out and why, for people to look at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from semtune.dataset import Dataset
from semtune.prepare.report import examples
from semtune.prepare.report import page_sections as sections
from semtune.prepare.report.headline import headline
from semtune.prepare.report.labels import KINDS
from semtune.registry import installed
from semtune.report import render
from semtune.report.elements import Figure


def write_page(dataset: Dataset, path: Path, title: str) -> None:
    """Write `report.html` of a data set: one file without scripts that fetches nothing, for light and dark screens.

    Args:
        dataset: with its `report`.
        path: the file to write.
        title: what the page calls the data set.

    Raises:
        StorageError: the file cannot be written.
    """
    report = dataset.report
    values = {
        "title": title,
        "subtitle": _subtitle(report),
        "headline": headline(report),
        "flow": sections.flow(report),
        "left_out": sections.left_out(report, questions_only=False),
        "no_question": sections.left_out(report, questions_only=True),
        "figures": _figures(report),
        "plots": installed("matplotlib"),
        "languages": sections.languages(report),
        "sources": sections.questions_by_source(report),
        "leaks": sections.leaks(report),
        "near_duplicates": examples.near_duplicates(report.get("alike", {})),
        "training_rows": examples.training_rows(dataset),
        "negatives": examples.negatives(report.get("negatives", {})),
        "counts": _flat(report.get("counts", {})),
        "json": json.dumps(report, indent=2, ensure_ascii=False, default=str),
    }
    render.write_page(path, "dataset.html", values)


def _subtitle(report: Mapping[str, Any]) -> str:
    kind = KINDS.get(str(report.get("kind")), str(report.get("kind", "a data set")))
    limit, seed = report.get("tokens", {}).get("limit"), report.get("seed")
    parts = [f"read from {kind}", f"for a model that reads {limit} tokens" if limit else "", f"seed {seed}"]
    return " · ".join(part for part in parts if part and seed is not None)


def _figures(report: Mapping[str, Any]) -> list[Figure]:
    return [_length_figure(name, report) for name in _plotted(report.get("tokens", {}))]


def _length_figure(name: str, report: Mapping[str, Any]) -> Figure:
    tokens, what = report["tokens"], sections.lengths_name(name, report)
    caption, alert = sections.lengths_caption(name, report)
    svg = ""
    if installed("matplotlib"):
        from semtune.prepare.report.plots import lengths

        svg = lengths(name, what.partition(",")[0], tokens[name], tokens["limit"])
    return Figure(svg, caption, what.capitalize(), alert)


def _plotted(tokens: Mapping[str, Any]) -> list[str]:
    """Which lengths are worth a plot: the judged passages only where they differ from the indexed documents."""
    names = [
        name
        for name in ("documents", "passages", "queries")
        if name in tokens and tokens[name].get("histogram", {}).get("counts")
    ]
    if tokens.get("documents") == tokens.get("passages") and "documents" in names:
        names.remove("documents")
    return names


def _flat(counts: Mapping[str, Any]) -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in counts.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}: {key}": inner for key, inner in value.items() if not isinstance(inner, Mapping)}
        else:
            flat[name] = value
    return flat
