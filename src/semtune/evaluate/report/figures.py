"""The report's figures by kind: gains item by item, and how the scores are spread before and after."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from semtune.dataset import Dataset
from semtune.evaluate.report import examples, plots
from semtune.evaluate.report.matrix import matrix_rows
from semtune.evaluate.result import Scores, label
from semtune.report.shell import figure
from semtune.types import Split

GAINS = {  # kind → axis, and what won or lost
    "similarity": ("nearer to the gold rank", "pairs moved nearer to the rank people gave them"),
    "pairs": ("moved to the right side", "pairs moved to the right side of the others"),
    "clustering": ("gain in what it adds to V-measure", "texts add more to V-measure"),
    "mining": ("gain in precision at its place", "duplicates have fewer other pairs before them"),
}


def gains_figure(tuned: Scores, name: str, other: Scores) -> str:
    """The gain of each query, pair or text over the system that is called `name`."""
    gain = examples.gains(tuned, other)
    won, lost = int((gain > 0).sum()), int((gain < 0).sum())
    usual = f"gain in {label(tuned.main)}", f"{tuned.unit()} gained over {plots.NAMES.get(name, name)}"
    axis, what = GAINS.get(tuned.kind, usual)
    svg = plots.gains_sorted(gain, axis, tuned.unit())
    return figure(svg, f"{won:,} {escape(what)}, {lost:,} lost, {len(gain) - won - lost:,} are unchanged.")


def spread_figures(shown: Mapping[str, Scores], dataset: Dataset, split: Split) -> list[str]:
    """A figure a system, before and then after, on one scale: its scores of what belongs together and what does not.

    None for kinds whose scores say no such thing.
    """
    kind = next((scores.kind for scores in shown.values()), "")
    ordered = dict(sorted(shown.items(), key=lambda item: item[0] == "tuned"))
    if kind == "retrieval":
        return _separations(ordered, dataset, split)
    if kind == "similarity":
        return _scatters(ordered)
    return _classes_apart(ordered) if kind == "pairs" else []


def matrix_tables(shown: Mapping[str, Scores]) -> str:
    """The table of language pairs of each system; empty for other kinds."""
    called = plots.names(shown)
    return "".join(_matrix_table(called[name], scores) for name, scores in shown.items() if scores.matrix)


def _matrix_table(called: str, scores: Scores) -> str:
    head, rows = matrix_rows(scores.matrix)
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    lines = "".join(
        f"<tr><th>{escape(row[0])}</th>{''.join(f'<td>{escape(cell)}</td>' for cell in row[1:])}</tr>" for row in rows
    )
    table = f"<table><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table>"
    title = f"<h2>Accuracy@1 by language: {escape(called)}</h2>"
    return f'<section class="card">{title}<div class="scroll">{table}</div></section>'


def _separations(shown: Mapping[str, Scores], dataset: Dataset, split: Split) -> list[str]:
    found = {name: plots.relevance_scores(s, dataset.qrels[split]) for name, s in shown.items() if s.run}
    limits = plots.limits(*(values for positive, negative, _ in found.values() for values in (positive, negative)))
    return [
        figure(
            plots.separation(name, positive, negative, limits),
            f"<b>{plots.names(shown)[name]}</b>: similarity of the relevant documents and of each query's best other one. "
            f"{beyond:,} relevant documents are below rank 100 and not drawn.",
        )
        for name, (positive, negative, beyond) in found.items()
    ]


def _classes_apart(shown: Mapping[str, Scores]) -> list[str]:
    limits = plots.limits(*(scores.similarities for scores in shown.values()))
    return [
        figure(
            plots.separation(
                name,
                scores.similarities[scores.gold > 0],
                scores.similarities[scores.gold <= 0],
                limits,
                ("belong together", "differ"),
            ),
            f"<b>{plots.names(shown)[name]}</b>: cosine of the pairs that belong together and of those that differ.",
        )
        for name, scores in shown.items()
    ]


def _scatters(shown: Mapping[str, Scores]) -> list[str]:
    limits = plots.limits(*(scores.similarities for scores in shown.values()))
    return [
        figure(
            plots.gold_scatter(name, shown[name], limits),
            f"<b>{plots.names(shown)[name]}</b>: cosine against the score people gave, a dot a pair"
            + (f" ({plots.MAX_POINTS:,} drawn at random)." if shown[name].n > plots.MAX_POINTS else "."),
        )
        for name in shown
    ]
