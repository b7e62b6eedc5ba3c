"""The loss curve as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from semtune.registry import need


def draw_curve(rows: list[dict[str, Any]], metric: str, path: Path) -> None:
    """Draw training loss, dev loss and dev metric over the steps into a PNG.

    Args:
        rows: of `log.jsonl`.
        metric: the dev metric's name; empty draws the losses alone.
    """
    need("matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for key, label, colour in (("loss", "training loss", "#4c78a8"), ("dev_loss", "dev loss", "#e45756")):
        points = [(row["step"], row[key]) for row in rows if key in row]
        if points:
            axes.plot(
                *zip(*points, strict=True),
                label=label,
                color=colour,
                marker="o" if key == "dev_loss" else None,
                markersize=4,
            )
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.grid(alpha=0.25)
    lines = axes.get_lines()
    measured = [(row["step"], row[f"dev_{metric}"]) for row in rows if f"dev_{metric}" in row]
    if metric and measured:
        right = axes.twinx()
        right.plot(*zip(*measured, strict=True), label=f"dev {metric}", color="#54a24b", marker="s", markersize=4)
        right.set_ylabel(f"dev {metric}")
        lines = [*lines, *right.get_lines()]
    axes.legend(lines, [str(line.get_label()) for line in lines], loc="best", frameon=False)
    axes.set_title(
        "Training: falling losses and a rising metric are good; a dev loss that rises is over-fitting", fontsize=9
    )
    figure.savefig(path)
