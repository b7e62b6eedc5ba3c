"""A picture of the training: losses, metric, where it was best, where it stopped, and the findings."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from semtune.registry import need
from semtune.train.monitor.finding import Finding

ALL_WELL = "Falling losses and a rising metric are good; a rising dev loss means over-fitting."
CAPTION_WIDTH = 125  # characters of a line under the picture


def draw_curve(
    rows: list[dict[str, Any]], metric: str, path: Path, steps: int = 0, findings: Sequence[Finding] = ()
) -> None:
    """Draw training loss, dev loss, dev metric and floor set over the steps as a PNG.

    Args:
        rows: of `log.jsonl`.
        metric: name of the dev metric; if empty, only the losses are drawn.
        path: the file to write.
        steps: planned for the whole training; a log that ends earlier is marked as stopped.
        findings: of the doctor, written below the plot.
    """
    need("matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    words = "\n".join(textwrap.fill(f"{finding.line()}", CAPTION_WIDTH) for finding in findings) or ALL_WELL
    figure = Figure(figsize=(8, 4.5 + 0.15 * words.count("\n")), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    _line(axes, rows, "loss", "training loss", color="#4c78a8")
    _line(axes, rows, "dev_loss", "dev loss", color="#e45756", marker="o", markersize=4)
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.grid(alpha=0.25)
    lines = list(axes.get_lines())
    key = f"dev_{metric}"
    measured = [row for row in rows if metric and key in row]
    if measured:
        right = axes.twinx()
        _line(right, rows, key, f"dev {metric}", color="#54a24b", marker="s", markersize=4)
        _line(right, rows, "dev_floor", "floor set", color="#b279a2", marker="^", markersize=4, linestyle="--")
        right.set_ylabel(f"dev {metric}")
        best = max(measured, key=lambda row: row[key])
        right.axvline(best["step"], color="#54a24b", linestyle=":", label=f"best: step {best['step']}")
        lines += right.get_lines()
    last = max((row["step"] for row in rows), default=0)
    if last < steps:
        lines.append(axes.axvline(last, color="#666666", linestyle=":", label=f"stopped: step {last} of {steps}"))
    if lines:
        names = [str(line.get_label()) for line in lines]
        figure.legend(lines, names, loc="outside upper left", ncols=6, frameon=False, fontsize=7)
    figure.supxlabel(words, fontsize=7, x=0.02, ha="left")
    figure.savefig(path)


def _line(axes: Any, rows: list[dict[str, Any]], key: str, label: str, **look: Any) -> None:
    points = [(row["step"], row[key]) for row in rows if key in row]
    if points:
        axes.plot(*zip(*points, strict=True), label=label, **look)
