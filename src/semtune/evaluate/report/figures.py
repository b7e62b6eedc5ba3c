"""The figures of an evaluation's page: which plots are drawn for which task, and what their captions say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from semtune.dataset import Dataset
from semtune.evaluate.report import plots
from semtune.evaluate.report.embedding_map import EmbeddingMap, plot
from semtune.evaluate.report.most_changed import gains
from semtune.evaluate.result import Scores, label
from semtune.evaluate.verdict.outcome import Outcome
from semtune.report.elements import Figure
from semtune.types import Split

OTHER_SCALE = ("bm25", "hybrid")  # their scores are not cosines
GAINS = {  # kind → axis, and what gained or lost
    "similarity": ("closer to the gold rank", "pairs moved closer to the rank people gave them"),
    "pairs": ("moved in the right direction", "pairs moved in the right direction"),
    "clustering": ("gain in contribution to V-measure", "texts contribute more to V-measure"),
    "mining": ("gain in precision at its place", "duplicates have fewer other pairs before them"),
}


def metric_figure(outcome: Outcome) -> Figure:
    """The main metric of each system."""
    caption = f"{label(outcome.tuned.main)} of each system. The thin line is the 95 % interval."
    return Figure(plots.systems_bars(outcome), caption)


def gains_figure(tuned: Scores, name: str, other: Scores) -> Figure:
    """The gain of each query, pair or text over the system called `name`."""
    gain = gains(tuned, other)
    won, lost = int((gain > 0).sum()), int((gain < 0).sum())
    usual = f"gain in {label(tuned.main)}", f"{tuned.unit()} gained over {plots.NAMES.get(name, name)}"
    axis, what = GAINS.get(tuned.kind, usual)
    svg = plots.gains_sorted(gain, axis, tuned.unit())
    return Figure(svg, f"{won:,} {what}, {lost:,} lost, {len(gain) - won - lost:,} are unchanged.")


def score_figures(systems: Mapping[str, Scores], dataset: Dataset, split: Split) -> list[Figure]:
    """One figure per system, the tuned one last, on one scale: how well its scores separate what belongs together.

    Empty for tasks without such scores.
    """
    shown = {
        name: systems.get(f"{name}-dense", scores)  # by similarity: fused ranks say nothing of how near a text is
        for name, scores in sorted(systems.items(), key=lambda item: item[0] == "tuned")
        if name not in OTHER_SCALE and not name.endswith("-dense") and math.isfinite(scores.metrics[scores.main])
    }
    kind = next((scores.kind for scores in shown.values()), "")
    called = plots.names(systems)
    if kind == "retrieval":
        return _relevant_and_others(shown, called, dataset, split)
    if kind == "similarity":
        return _cosine_against_people(shown, called)
    return _two_classes(shown, called) if kind == "pairs" else []


def _relevant_and_others(
    shown: Mapping[str, Scores], called: Mapping[str, str], dataset: Dataset, split: Split
) -> list[Figure]:
    found = {name: plots.relevance_scores(s, dataset.qrels[split]) for name, s in shown.items() if s.run}
    limits = plots.limits(*(values for each in found.values() for values in (each.relevant, each.best_other)))
    return [
        Figure(
            plots.separation(name, each.relevant, each.best_other, limits),
            "similarity of the relevant documents, and of the best other document of each query. "
            f"{each.beyond:,} relevant documents rank below 100 and are not shown.",
            called[name],
        )
        for name, each in found.items()
    ]


def _two_classes(shown: Mapping[str, Scores], called: Mapping[str, str]) -> list[Figure]:
    limits = plots.limits(*(scores.similarities for scores in shown.values()))
    figures = []
    for name, scores in shown.items():
        together, apart = scores.similarities[scores.gold > 0], scores.similarities[scores.gold <= 0]
        svg = plots.separation(name, together, apart, limits, ("belong together", "differ"))
        caption = "cosine of the pairs that belong together, and of those that differ."
        figures.append(Figure(svg, caption, called[name]))
    return figures


def _cosine_against_people(shown: Mapping[str, Scores], called: Mapping[str, str]) -> list[Figure]:
    limits = plots.limits(*(scores.similarities for scores in shown.values()))
    figures = []
    for name, scores in shown.items():
        sample = f" ({plots.MAX_POINTS:,} drawn at random)" if scores.n > plots.MAX_POINTS else ""
        caption = f"cosine against the score people gave, one dot per pair{sample}."
        figures.append(Figure(plots.gold_scatter(name, scores, limits), caption, called[name]))
    return figures


def training_figures(log: Sequence[Mapping[str, Any]], notes: Sequence[str]) -> list[Figure]:
    """The curve of the training with the notes on it; empty without a log."""
    curve = plots.training_curve(log)
    return [Figure(curve, " ".join(["Loss and dev metric during training.", *notes]))] if curve else []


def map_figures(maps: Mapping[str, EmbeddingMap], called: Mapping[str, str]) -> list[Figure]:
    """The maps of the embeddings, the tuned model's last, on one scale."""
    if not maps:
        return []
    reach = 1.05 * max(
        abs(value) for each in maps.values() for part in (each.queries, each.documents) for value in part.ravel()
    )
    figures = []
    for name in sorted(maps, key=lambda name: name == "tuned"):
        drawn, title = maps[name], called.get(name, name)
        caption = (
            f"{len(drawn.queries)} queries and {len(drawn.documents)} documents on their two principal components "
            f"({drawn.explained:.0%} of the variance). Lines join a query and a relevant document. "
            f"Mean cosine {drawn.near:.2f} to relevant documents, {drawn.far:.2f} to the others."
        )
        figures.append(Figure(plot(name, title, drawn, reach), caption, title))
    return figures
