"""The plots of an evaluation's page: each takes results and returns one inline SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from semtune.evaluate.result import LABELS, Scores, label
from semtune.evaluate.verdict.outcome import Outcome
from semtune.report.svg import BAD, GOOD, INK, MUTED, SYSTEMS, canvas, to_svg
from semtune.types import Qrels

if TYPE_CHECKING:
    from markupsafe import Markup

NAMES = {
    "tuned": "tuned", "base": "base", "bm25": "BM25", "hybrid": "hybrid", "tuned-dense": "tuned, vectors alone",
    "base-dense": "base, vectors alone",
}  # fmt: skip
MAX_POINTS = 3_000


@dataclass(frozen=True, slots=True, eq=False)
class RelevanceScores:
    """Similarities of the documents that a system found.

    Attributes:
        relevant: of the relevant documents found; (n,).
        best_other: of the best other document of each query; (m,).
        beyond: how many relevant documents were not found.
    """

    relevant: NDArray[np.float64]
    best_other: NDArray[np.float64]
    beyond: int


def names(systems: Mapping[str, Scores]) -> dict[str, str]:
    """What the page calls each system; a model measured alone is not called tuned, since it may not be."""
    further = {name: name for name in systems if name not in NAMES}
    return {**NAMES, **further} if len(systems) > 1 else {**NAMES, "tuned": "model"}


def systems_bars(outcome: Outcome) -> Markup:
    """The main metric of each system, with its 95 % interval."""
    with canvas() as (figure, axes):
        for row, (name, scores) in enumerate(outcome.systems.items()):
            value = scores.metrics[scores.main]
            if not math.isfinite(value):
                continue
            low, high = outcome.intervals[name]
            axes.barh(row, value, color=SYSTEMS.get(name, MUTED), height=0.62)
            if math.isfinite(low):
                axes.plot([low, high], [row, row], color=INK, linewidth=1.6, solid_capstyle="butt")
            at = max(value, high) if math.isfinite(high) else value
            axes.text(at + 0.015, row, f"{value:.3f}", va="center", fontweight="bold")
        axes.set_yticks(range(len(outcome.systems)), [names(outcome.systems)[name] for name in outcome.systems])
        axes.tick_params(axis="y", colors=INK)
        middle = (len(outcome.systems) - 1) / 2
        reach = max(1.5, middle + 0.6)
        axes.set_ylim(middle + reach, middle - reach)  # all bars equally thick, the first on top
        axes.grid(axis="y", visible=False)
        low, _ = axes.get_xlim()
        axes.set_xlim(min(0.0, low), 1.12)
        axes.set_xlabel(label(outcome.tuned.main))
        return to_svg(figure, "bars", f"{label(outcome.tuned.main)} of each system with 95 % intervals")


def gains_sorted(gains: NDArray[np.float64], axis: str, unit: str) -> Markup:
    """The gain of each query, sorted: how many gained, how many lost, and by how much."""
    ordered = np.sort(gains)[::-1]
    edges = np.arange(len(ordered) + 1) + 0.5
    with canvas() as (figure, axes):
        for colour, side in ((GOOD, np.maximum(ordered, 0)), (BAD, np.minimum(ordered, 0))):
            axes.stairs(side, edges, fill=True, color=colour, linewidth=0)
        axes.axhline(0, color=MUTED, linewidth=0.8)
        axes.set_xlim(0.5, len(ordered) + 0.5)
        axes.grid(axis="x", visible=False)
        axes.set_xlabel(f"{unit}, sorted by gain")
        axes.set_ylabel(axis)
        return to_svg(figure, "gains", "Gain of each query, sorted")


def relevance_scores(scores: Scores, qrels: Qrels) -> RelevanceScores:
    """Similarities of the relevant documents and of the best others among the 100 documents found for each query."""
    relevant: list[float] = []
    best_other: list[float] = []
    beyond = 0
    for query in scores.query_ids:
        wanted = {document for document, grade in qrels[query].items() if grade > 0}
        found = scores.run.get(query, {})
        relevant.extend(found[document] for document in wanted & found.keys())
        beyond += len(wanted - found.keys())
        others = [value for document, value in found.items() if document not in wanted]
        if others:
            best_other.append(max(others))
    return RelevanceScores(np.array(relevant), np.array(best_other), beyond)


def separation(
    name: str,
    positive: NDArray[np.float64],
    negative: NDArray[np.float64],
    limits: tuple[float, float],
    labels: tuple[str, str] = ("relevant", "best other"),
) -> Markup:
    """Two histograms: similarity of relevant documents and of the best other ones, or of what `labels` name."""
    filled = [values.size for values in (positive, negative) if values.size]
    bins = np.linspace(*limits, int(np.clip(2 * np.sqrt(min(filled, default=0)), 8, 30)) + 1)
    with canvas() as (figure, axes):
        for values, colour, called in ((positive, GOOD, labels[0]), (negative, BAD, labels[1])):
            if values.size:
                weights = np.full(values.size, 100.0 / values.size)
                axes.hist(values, bins=bins.tolist(), weights=weights, color=colour, alpha=0.35)
                axes.hist(values, bins=bins.tolist(), weights=weights, color=colour, histtype="step", linewidth=1.4)
                axes.plot([], [], color=colour, linewidth=5, alpha=0.7, label=called)
        axes.set_xlim(*limits)
        axes.set_xlabel("similarity")
        axes.set_ylabel("share in %")
        if filled:
            figure.legend(loc="outside upper left", ncols=2)
        return to_svg(figure, f"separation-{name}", f"{NAMES.get(name, name)}: similarity, {labels[0]} and {labels[1]}")


def limits(*values: NDArray[np.float64]) -> tuple[float, float]:
    """The ends of an axis for all values, with a margin; 0 to 1 without values."""
    filled = [array for array in values if array.size]
    if not filled:
        return 0.0, 1.0
    low, high = min(float(array.min()) for array in filled), max(float(array.max()) for array in filled)
    room = max((high - low) * 0.03, 0.01)
    return low - room, high + room


def gold_scatter(name: str, scores: Scores, limits: tuple[float, float]) -> Markup:
    """Cosine against the score people gave, one dot per pair; a random sample of very many."""
    rows = np.random.default_rng(0).permutation(scores.n)[:MAX_POINTS]
    with canvas() as (figure, axes):
        axes.plot(
            scores.gold[rows], scores.similarities[rows], "o", markersize=2.4, alpha=0.55, markeredgewidth=0,
            color=SYSTEMS.get(name, MUTED),
        )  # fmt: skip
        axes.set_ylim(*limits)
        axes.set_xlabel("score by people")
        axes.set_ylabel("cosine")
        return to_svg(figure, f"scatter-{name}", f"{NAMES.get(name, name)}: cosine against the score by people")


def training_curve(log: Sequence[Mapping[str, Any]]) -> str:
    """Loss over steps, and the dev metric, if logged, on a second axis; empty without a loss."""
    loss = _series(log, "loss")
    if len(loss) < 2:
        return ""
    key = next((key for row in log for key in row if _is_dev_metric(key)), "")
    dev = _series(log, key) if key else []
    with canvas() as (figure, axes):
        axes.plot(*zip(*loss, strict=True), color=MUTED, linewidth=1.5, label="training loss")
        axes.set_xlabel("step")
        axes.set_ylabel("training loss")
        handles, labels = axes.get_legend_handles_labels()
        if dev:
            right = axes.twinx()
            right.grid(visible=False)
            name = key.split("_", 1)[1]
            right.plot(
                *zip(*dev, strict=True),
                "o-",
                color=SYSTEMS["tuned"],
                markersize=4,
                label=f"dev {LABELS.get(name, name)}",
            )
            right.tick_params(axis="y", colors=SYSTEMS["tuned"])
            more = right.get_legend_handles_labels()
            handles, labels = handles + more[0], labels + more[1]
        figure.legend(handles, labels, loc="outside upper left", ncols=2)
        return to_svg(figure, "training", "Training loss and dev metric over steps")


def _is_dev_metric(key: str) -> bool:
    stem, _, name = key.partition("_")
    return stem in {"dev", "eval"} and name in LABELS


def _series(log: Sequence[Mapping[str, Any]], key: str) -> list[tuple[float, float]]:
    points = [(row.get("step"), row.get(key)) for row in log]
    return [
        (float(step), float(value))
        for step, value in points
        if isinstance(step, int | float) and isinstance(value, int | float) and math.isfinite(value)
    ]
