"""The plots of a selection's page: each takes results and returns one inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from semtune.report.svg import BAD, CARD, GOOD, INK, MUTED, SYSTEMS, canvas, to_svg
from semtune.select.candidate_result import CandidateResult
from semtune.select.halving import TrialRound
from semtune.select.smaller_vectors import SmallerVectors

if TYPE_CHECKING:
    from markupsafe import Markup

DOT = 0.16  # area of a dot in square points, per dimension
LEAST_DOT = 14
NAME = 26  # characters drawn of a name
ROOM = 0.06  # share of the axis; a name that is closer to another is moved


def pareto(rows: Sequence[CandidateResult], taken: str, label: str) -> Markup:
    """Quality against the time of one query: one dot per candidate, with a line from its result before tuning."""
    shown = [row for row in rows if math.isfinite(row.best.value)]
    edge = sorted((row for row in shown if row.on_front), key=lambda row: row.cost.p50_ms)
    with canvas() as (figure, axes):
        axes.set_xscale("log")
        axes.plot(
            [row.cost.p50_ms for row in edge], [row.best.value for row in edge], color=MUTED, linewidth=1,
            linestyle=(0, (4, 3)), zorder=1,
        )  # fmt: skip
        for row in shown:
            colour = SYSTEMS["tuned"] if row.candidate.name == taken else SYSTEMS["base"]
            x, y = row.cost.p50_ms, row.best.value
            if math.isfinite(row.untouched.value):
                axes.plot([x, x], [row.untouched.value, y], color=colour, linewidth=1.2, zorder=2)
                axes.plot([x], [row.untouched.value], "_", color=colour, markersize=7, zorder=2)
            size = max(LEAST_DOT, DOT * row.candidate.contract.dimension)
            axes.scatter([x], [y], s=size, color=colour, edgecolors="none", zorder=3)
        times = [row.cost.p50_ms for row in shown]
        axes.set_xlim(min(times) / 1.6, max(times) * 1.6)
        axes.margins(y=0.18)
        places = [(row.candidate.name, row.cost.p50_ms, row.best.value) for row in shown]
        _names(axes, places, taken, 9, turn=math.sqrt(math.prod(axes.get_xlim())))  # the middle of a log axis
        _plain_ticks(axes.xaxis)
        axes.set_xlabel("milliseconds per query (further left is faster)")
        axes.set_ylabel(f"dev {label}")
        return to_svg(figure, "pareto", f"{label} of each candidate against the time of one query")


def _names(axes: Any, points: Sequence[tuple[str, float, float]], taken: str, gap: int, turn: float = math.inf) -> None:
    """Write names beside their points, or to the left of points beyond `turn`; names that would overlap move down.

    Args:
        axes: to draw in; their limits must be final.
        points: (name, x, y) of each.
        taken: the name to set in bold.
        gap: between a name and its dot, in points.
        turn: the x beyond which names are on the left.
    """
    low, high = axes.get_ylim()
    at = math.inf
    for name, x, y in sorted(points, key=lambda point: -point[2]):
        at = min(y, at - ROOM * (high - low))
        axes.annotate(
            _short(name), (x, at), xytext=(-gap if x > turn else gap, 0), textcoords="offset points",
            ha="right" if x > turn else "left", va="center", fontsize=8, color=INK,
            fontweight="bold" if name == taken else "normal", bbox={"facecolor": CARD, "edgecolor": "none", "pad": 0.8},
        )  # fmt: skip


def trials(rows: Sequence[CandidateResult], rounds: Sequence[TrialRound], taken: str, label: str) -> str:
    """Quality before tuning and after each trial, one line per candidate; empty without trials."""
    tried = [row for row in rows if row.trials]
    if not tried:
        return ""
    steps = [made.steps for made in rounds]
    with canvas() as (figure, axes):
        for row in tried:
            mine = row.candidate.name == taken
            values = [row.untouched.value, *(trial.quality.value for trial in row.trials)]
            axes.plot(
                range(len(values)), values, "o-", color=SYSTEMS["tuned"] if mine else SYSTEMS["base"], markersize=4,
                linewidth=1.8 if mine else 1.2,
            )  # fmt: skip
        axes.set_xticks(range(len(steps) + 1), ["untuned", *(f"{count} steps" for count in steps)])
        axes.set_xlim(-0.2, len(steps) + 0.75)
        axes.margins(y=0.12)
        ends = [(row.candidate.name, len(row.trials), row.trials[-1].quality.value) for row in tried]
        for last in {x for _, x, _ in ends}:
            _names(axes, [end for end in ends if end[1] == last], taken, 6)
        axes.set_ylabel(f"dev {label}")
        return to_svg(figure, "trials", f"{label} of each candidate before tuning and after each round of trials")


def dimensions(smaller: Sequence[SmallerVectors], label: str) -> str:
    """Quality over the number of dimensions kept, first ones or PCA; empty if none were cut."""
    whole = [one for one in smaller if one.way == "whole"]
    lines = {
        way: sorted((one for one in smaller if one.way == way), key=lambda one: one.dimension)
        for way in ("first", "pca")
    }
    if not lines["first"]:
        return ""
    with canvas() as (figure, axes):
        axes.set_xscale("log", base=2)
        for way, colour, name in (("first", BAD, "first dimensions"), ("pca", GOOD, "PCA fitted on train")):
            points = [*lines[way], *whole]
            axes.plot(
                [one.dimension for one in points],
                [one.value for one in points],
                "o-",
                color=colour,
                markersize=4,
                label=name,
            )
        places = sorted({one.dimension for one in smaller})
        axes.set_xticks(places, [str(place) for place in places])
        axes.minorticks_off()
        axes.margins(y=0.12)
        axes.set_xlabel("dimensions")
        axes.set_ylabel(f"dev {label}")
        figure.legend(loc="outside upper left", ncols=2)
        return to_svg(figure, "dimensions", f"{label} of the recommended model over the dimensions kept")


def _short(name: str) -> str:
    return name if len(name) <= NAME else f"{name[: NAME - 1]}…"


def _plain_ticks(axis: Any) -> None:
    """Plain numbers instead of powers of ten, also within a decade, where a log axis labels minor ticks only."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
