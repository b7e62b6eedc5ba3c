"""What `semtune evaluate` shows of `--stages` and `--calibrate`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from semtune.cli.console import Console

if TYPE_CHECKING:
    from semtune.evaluate.serving.calibration import CalibrationResult
    from semtune.evaluate.serving.stages import Stages


def show_stages(console: Console, stages: Stages) -> None:
    """The table of stages, and what it says."""
    from rich.table import Table

    from semtune.evaluate.result import label

    table = Table(title="From training to what is served", title_justify="left")
    table.add_column("stage")
    for title in (
        label(stages.rows[0].scores.main),
        "change",
        "95 % interval",
        "against",
        "texts/s",
        "ms a query",
        "size",
    ):
        table.add_column(title, justify="right")
    for row in stages.rows:
        change, interval = ("", "") if row.change is None else (
            f"{row.change.gain:+.4f}", f"{row.change.low:+.4f} {row.change.high:+.4f}"
        )  # fmt: skip
        speed = f"{row.texts_per_second:,.0f}" if math.isfinite(row.texts_per_second) else ""
        size = "" if row.bytes is None else f"{row.bytes / 1e6:,.1f} MB"
        table.add_row(
            f"{row.name}{f' ({row.detail})' if row.detail else ''}", f"{row.value:.4f}", change, interval, row.against,
            speed, f"{row.latency.p50:.1f}", size,
        )  # fmt: skip
    console.rich().print(table)
    for sentence in stages.sentences:
        console.say(sentence)
    for name, reason in stages.missing.items():
        console.say(f"not measured: {name}. {reason}")


def show_thresholds(console: Console, found: CalibrationResult, model: str) -> None:
    """The cuts, and where they were written."""
    console.say(f"thresholds from the {found.split} split, written into the folder of {model}:")
    for name, cut in found.cuts.items():
        chance = found.calibration.probability(cut.score)
        console.say(
            f"  {name:<8} score {cut.score:.3f} (probability {chance:.0%}): "
            f"precision {cut.precision:.2f}, recall {cut.recall:.2f}"
        )
    console.say(f"  probability: that {found.calibration.of}; off by {found.error:.1%} on average")
