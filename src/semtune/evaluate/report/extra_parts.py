"""The further parts of a report as HTML: maps, costs, stages, thresholds. All text from data is escaped here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from semtune.evaluate.report.extras import Cost, Extras
from semtune.evaluate.report.maps import Map
from semtune.evaluate.result import label
from semtune.evaluate.serving.calibration import Calibrated
from semtune.evaluate.serving.stages import Stages
from semtune.report.shell import figure
from semtune.report.svg import GOOD, MUTED, SYSTEMS, canvas, to_svg


def map_figures(maps: Mapping[str, Map], called: Mapping[str, str]) -> list[str]:
    """The maps, tuned last, on one scale."""
    if not maps:
        return []
    order = sorted(maps, key=lambda name: name == "tuned")  # before, then after
    reach = 1.05 * max(
        abs(value) for each in maps.values() for part in (each.queries, each.documents) for value in part.ravel()
    )
    return [
        figure(
            _map_plot(name, called.get(name, name), maps[name], reach),
            f"<b>{escape(called.get(name, name))}</b>: {len(maps[name].queries)} queries, {len(maps[name].documents)} documents "
            f"on their two main directions ({maps[name].explained:.0%} of the variance). Lines join a query and a relevant document: "
            f"cosine {maps[name].near:.2f} on average, {maps[name].far:.2f} to the others.",
        )
        for name in order
    ]


def _map_plot(name: str, called: str, drawn: Map, reach: float) -> str:
    with canvas() as (plot, axes):
        for query, document in drawn.links:
            (x, y), (u, v) = drawn.queries[query], drawn.documents[document]
            axes.plot([x, u], [y, v], color=GOOD, linewidth=0.6, alpha=0.6)
        axes.plot(*drawn.documents.T, "o", color=MUTED, markersize=2.6, alpha=0.6, markeredgewidth=0, label="documents")
        colour = SYSTEMS.get(name, MUTED)
        axes.plot(*drawn.queries.T, "o", color=colour, markersize=3.4, markeredgewidth=0, label="queries")
        axes.set_xlim(-reach, reach, auto=True)  # not fixed: the one with more room is widened below, without a warning
        axes.set_ylim(-reach, reach, auto=True)
        axes.set_aspect("equal", adjustable="datalim")
        axes.tick_params(labelbottom=False, labelleft=False)
        plot.legend(loc="outside upper left", ncols=2)
        return to_svg(plot, f"map-{name}", f"{called}: map of queries and documents")


def sections(extras: Extras, called: Mapping[str, str]) -> str:
    """Stages, thresholds and costs, each a card; empty ones are left out."""
    parts = [
        stages_section(extras.stages) if extras.stages else "",
        thresholds_section(extras.calibrated) if extras.calibrated else "",
        costs_section(extras.costs, called) if extras.costs else "",
    ]
    return "".join(parts)


def stages_section(stages: Stages) -> str:
    """The metric at each stage, what it costs against the stage before, speed and size; what is missing, and why."""
    metric = label(stages.rows[0].scores.main)
    head = (
        metric,
        "change<small>95 % interval</small>",
        "against",
        "texts/s",
        "ms a query<small>median, 95 %</small>",
        "size",
    )
    rows = {}
    for row in stages.rows:
        moved = "–"
        if row.change:
            moved = f"{row.change.gain:+.4f} <span>[{row.change.low:+.4f}, {row.change.high:+.4f}]</span>"
        name = f"{escape(row.name)}<small>{escape(row.detail or row.scores.runtime)}</small>"
        speed = f"{row.texts_per_second:,.0f}" if math.isfinite(row.texts_per_second) else "–"
        wait = f"{row.latency.p50:.1f}, {row.latency.p95:.1f}"
        rows[name] = [f"{row.value:.4f}", moved, escape(row.against or "–"), speed, wait, size(row.bytes)]
    said = "".join(f"<li>{escape(sentence)}</li>" for sentence in stages.sentences)
    absent = "".join(f"<li>not measured: {escape(name)}. {escape(why)}</li>" for name, why in stages.missing.items())
    return _card(
        "From training to what is served", table(head, rows) + f"<ul>{said}{absent}</ul>" * bool(said or absent)
    )


def thresholds_section(found: Calibrated) -> str:
    """The cuts, and the probability that stands behind some scores."""
    rows = {
        escape(_cut_name(name)): [f"{cut.score:.3f}", f"{found.calibration.probability(cut.score):.0%}", f"{cut.precision:.0%}", f"{cut.recall:.0%}", f"{cut.f1:.2f}"]
        for name, cut in found.cuts.items()
    }  # fmt: skip
    said = (
        f"<p>Probability: that {escape(found.calibration.of)}. Measured on {found.answers:,} answers of the {found.split} "
        f"split, {found.relevant:,} of them relevant; off by {found.error:.1%} on average.</p>"
    )
    return _card("What a score means", table(("score", "probability", "precision", "recall", "F1"), rows) + said)


def _cut_name(name: str) -> str:
    words = {"p": "precision", "r": "recall"}
    kind = words.get(name[0]) if name[1:].replace(".", "", 1).isdigit() else None
    return f"{name}: {kind} of {float(name[1:]):.0%}" if kind else name


def costs_section(costs: Mapping[str, Cost], called: Mapping[str, str]) -> str:
    """Speed and size of each encoder."""
    rows = {
        f"{escape(called.get(name, name))}<small>{escape(cost.runtime)}</small>": [
            f"{cost.texts_per_second:,.0f}", f"{cost.latency.p50:.1f}", f"{cost.latency.p95:.1f}", size(cost.bytes),
            f"{cost.dimension:,}", size(cost.dimension * 4_000_000),
        ]
        for name, cost in costs.items()
    }  # fmt: skip
    head = (
        "texts/s",
        "p50<small>ms a query</small>",
        "p95<small>ms a query</small>",
        "size",
        "dimensions",
        "1M vectors<small>in an exact index</small>",
    )
    return _card("Speed and size", table(head, rows), "clock")


def table(head: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    """A table of ready HTML: a head, and rows by their title."""
    titles = "".join(f"<th>{title}</th>" for title in head)
    lines = "".join(
        f"<tr><th>{name}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>" for name, cells in rows.items()
    )
    return f'<div class="scroll"><table><thead><tr><th></th>{titles}</tr></thead><tbody>{lines}</tbody></table></div>'


def size(count: int | None) -> str:
    """Bytes in megabytes or gigabytes."""
    if count is None:
        return "–"
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _card(title: str, content: str, kind: str = "") -> str:
    return f'<section class="{f"card {kind}".strip()}"><h2>{title}</h2>{content}</section>'
