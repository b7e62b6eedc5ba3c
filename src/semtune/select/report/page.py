"""The page of a choice: the recommendation first, then the table and the plots that it rests on."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from semtune import __version__
from semtune.machine import cpu_name, usable_cpus
from semtune.registry import installed
from semtune.report.shell import figure, number_table, write_page
from semtune.select.report import plots, tables
from semtune.select.select_backbone import Selection

NO_PLOTS = (
    '<figure><figcaption>No plots: matplotlib is not installed here. <code>pip install "semtune[train]"</code> '
    "brings it; the numbers are in the tables.</figcaption></figure>"
)
FOOTER = (
    "Intervals are 95 % bootstrap intervals; differences are paired. After each round of trials the better half goes on, "
    "and whoever cannot be told from the best; a candidate counts with the best it has shown, untouched or tuned. As good "
    "as the best is who lacks no more than 0.01 and cannot be told from it; of those the fastest is recommended. The test "
    "split was not looked at. Trials are short: confirm the choice with a whole training, judged on the test split."
)


def write_report(selection: Selection, path: Path, title: str) -> None:
    """Write `report.html`: no scripts, no other files, nothing fetched; light and dark.

    Raises:
        StorageError: the place cannot be written.
    """
    body = Template(files("semtune.select.report").joinpath("page.html").read_text(encoding="utf-8")).substitute(
        title=escape(title),
        subtitle=escape(_subtitle(selection)),
        verdict=_verdict(selection),
        table=tables.main(selection),
        figures=_figures(selection),
        trials=tables.rounds(selection),
        costs=tables.costs(selection),
        smaller=tables.smaller(selection),
        skipped=tables.skipped(selection),
        how=number_table(_how(selection)),
        footer=escape(FOOTER),
        version=escape(__version__),
    )
    write_page(path, f"{title} · Semtune choice", body)


def _subtitle(selection: Selection) -> str:
    among = f" among {selection.passages:,} passages" if selection.passages else ""
    limits = ", ".join(
        f"{name.replace('_', ' ')} ≤ {value:g}" for name, value in selection.settings.limits.given().items()
    )
    parts = [f"{len(selection.rows)} backbones on {selection.n:,} dev {selection.unit}{among}", limits]
    return " · ".join(part for part in parts if part)


def _verdict(selection: Selection) -> str:
    taken = selection.recommended
    head = escape(taken.candidate.name) if taken else "None keeps to the limits" if _limited(selection) else "None"
    lines = "".join(f'<p class="answer">{escape(reason)}</p>' for reason in selection.reasons)
    return f'<section class="verdict {"ship" if taken else "do-not-ship"}"><h2>{head}</h2>{lines}</section>'


def _limited(selection: Selection) -> bool:
    return any(row.over for row in selection.rows)


def _figures(selection: Selection) -> str:
    if not installed("matplotlib"):
        return NO_PLOTS
    label, taken = selection.label, selection.choice.name
    made = [
        figure(
            plots.pareto(selection.rows, taken, label),
            "A dot is the best a candidate has shown, the dash below it what it was untouched; a larger dot has more "
            "dimensions. Those on the broken line are beaten by none; less than 1.2 times as fast counts as equally fast.",
        )
    ]
    if curve := plots.trials(selection.rows, selection.rounds, taken, label):
        made.append(
            figure(
                curve,
                "The trials: each begins anew from the untouched model, with twice the steps of the round before.",
            )
        )
    if sizes := plots.dimensions(selection.smaller, label):
        made.append(figure(sizes, f"<b>{escape(taken)}</b> with fewer dimensions: its first ones, or those of a PCA."))
    return "".join(made)


def _how(selection: Selection) -> dict[str, object]:
    settings = selection.settings
    runtimes = sorted({row.cost.runtime for row in selection.rows})
    costs = [row.cost for row in selection.rows]
    return {
        "machine": f"{cpu_name()}, {usable_cpus()} processors",
        "speed and memory on": ", ".join(runtimes),
        "speed: passages in bulk, queries one at a time": f"{costs[0].texts:,}, {costs[0].queries:,}" if costs else "",
        "first round of trials": f"{settings.steps} steps",
        "seed": selection.seed,
    }
