"""The page of a data set: what came in, what came out, what was left out and why, for people to look at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from semtune import __version__
from semtune.dataset import Dataset
from semtune.prepare.report import examples
from semtune.prepare.report import parts as shown
from semtune.registry import installed
from semtune.report import shell as parts

NO_PLOTS = (
    '<figure><figcaption>No plots: matplotlib is not installed here. <code>pip install "semtune[train]"</code> '
    "brings it; the numbers are in the tables.</figcaption></figure>"
)


def write_page(dataset: Dataset, path: Path, title: str) -> None:
    """Write `report.html` of a data set: no scripts, no other files, nothing fetched; light and dark.

    Args:
        dataset: with its `report`.
        path: the file to write.
        title: what the page calls the data set.

    Raises:
        StorageError: the place cannot be written.
    """
    report = dataset.report
    body = Template(files("semtune.prepare.report").joinpath("page.html").read_text(encoding="utf-8")).substitute(
        title=escape(title),
        subtitle=escape(_subtitle(report)),
        verdict=shown.verdict(report),
        flow=shown.flow(report),
        dropped=shown.dropped(report.get("dropped", {})),
        figures=_figures(report),
        languages=shown.languages(report),
        more=shown.questions_by_source(report.get("counts", {})),
        leaks=shown.leaks(report.get("leaks", {})),
        alike=examples.alike(report.get("alike", {})),
        samples=examples.samples(dataset),
        negatives=examples.negatives(report.get("negatives", {})),
        counts=parts.number_table(_flat(report.get("counts", {}))),
        json=escape(json.dumps(report, indent=2, ensure_ascii=False, default=str)),
        footer=escape(shown.LANGUAGE_NOTE),
        version=escape(__version__),
    )
    parts.write_page(path, f"{title} · Semtune data set", body)


def _subtitle(report: Mapping[str, Any]) -> str:
    kind = shown.KINDS.get(str(report.get("kind")), str(report.get("kind", "a data set")))
    limit, seed = report.get("tokens", {}).get("limit"), report.get("seed")
    told = [f"read from {kind}", f"for a model that reads {limit} tokens" if limit else "", f"seed {seed}"]
    return " · ".join(part for part in told if part and seed is not None)


def _figures(report: Mapping[str, Any]) -> str:
    tokens = report.get("tokens", {})
    names = [name for name in _texts(tokens) if tokens[name].get("histogram", {}).get("counts")]
    captions = {name: shown.lengths_caption(name, report) for name in names}
    if not installed("matplotlib"):
        return NO_PLOTS + "".join(
            f"<figure><figcaption>{caption}</figcaption></figure>" for caption in captions.values()
        )
    from semtune.prepare.report.plots import lengths

    labels = {name: shown.measured(name, report).partition(",")[0] for name in names}
    return "".join(
        parts.figure(lengths(name, labels[name], tokens[name], tokens["limit"]), captions[name]) for name in names
    )


def _texts(tokens: Mapping[str, Any]) -> list[str]:
    """Which lengths are worth a plot: the judged passages only where they are other texts than the served ones."""
    names = [name for name in ("documents", "passages", "queries") if name in tokens]
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
