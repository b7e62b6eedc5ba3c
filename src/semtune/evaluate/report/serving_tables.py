"""The tables on serving of an evaluation's page: stages, thresholds, speed and size, as plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from semtune.evaluate.report.further_results import EncoderCost
from semtune.evaluate.result import label
from semtune.evaluate.serving.calibration import CalibrationResult
from semtune.evaluate.serving.stages import Stage, Stages
from semtune.report.elements import Cell, Row, Table


def stages_table(stages: Stages) -> Table:
    """The main metric at each stage, its change since the stage before, speed and size."""
    head = [
        "", label(stages.rows[0].scores.main), Cell("change", notes=["95 % interval"]), "compared with", "texts/s",
        Cell("ms per query", notes=["median, 95 %"]), "size",
    ]  # fmt: skip
    return Table(head, [_stage(row) for row in stages.rows])


def _stage(row: Stage) -> Row:
    moved = Cell("–")
    if row.change:
        moved = Cell(f"{row.change.gain:+.4f}", f"[{row.change.low:+.4f}, {row.change.high:+.4f}]")
    speed = f"{row.texts_per_second:,.0f}" if math.isfinite(row.texts_per_second) else "–"
    wait = f"{row.latency.p50:.1f}, {row.latency.p95:.1f}"
    title = Cell(row.name, notes=[row.detail or row.scores.runtime])
    return Row(title, [f"{row.value:.4f}", moved, row.against or "–", speed, wait, size(row.bytes)])


def precision_table(found: Mapping[str, Any]) -> Table:
    """The precisions that were tried, from the values of `precision.json`; empty if none was."""
    head = ["", found["metric"], Cell("change", notes=["95 % interval"]), "texts/s of fp32", "size", "outcome"]
    whole = Row(Cell("fp32"), [f"{found['reference']:.4f}", "–", "1 ×", "–", "kept"])
    return Table(head, [whole, *map(_trial, found["trials"])])


def _trial(row: Mapping[str, Any]) -> Row:
    change, low, high = (_shown(row[name], -1, "+.4f") for name in ("loss", "high", "low"))
    return Row(
        Cell(row["name"]),
        [
            _shown(row["value"], 1, ".4f"), Cell(change, f"[{low}, {high}]"), f"{row['speed']:.2f} ×",
            size(round(row["megabytes"] * 1e6)), "kept" if row["kept"] else "refused",
        ],
    )  # fmt: skip


def precision_note(found: Mapping[str, Any]) -> str:
    """What decided, and what is served."""
    if not found["trials"]:
        return f"{found['why'][0].upper()}{found['why'][1:]}."
    kept = "An int8 graph is kept" if found["precision"] == "int8" else "No int8 graph is kept"
    return (
        f"{kept}: on {found['items']:,} items of the dev split the interval of the loss must end below "
        f"{found['max_loss']:g}. Speeds are those of the machine that exported."
    )


def _shown(value: float | None, times: int, form: str) -> str:
    return "–" if value is None or not math.isfinite(value) else format(times * value + 0.0, form)  # no "-0.0000"


def thresholds_table(found: CalibrationResult) -> Table:
    """The thresholds, the probability that an answer with that score is relevant, and what cutting there keeps."""
    rows = [
        Row(
            _threshold_name(name),
            [
                f"{cut.score:.3f}", f"{found.calibration.probability(cut.score):.0%}", f"{cut.precision:.0%}",
                f"{cut.recall:.0%}", f"{cut.f1:.2f}",
            ],
        )
        for name, cut in found.cuts.items()
    ]  # fmt: skip
    return Table(["", "score", "probability", "precision", "recall", "F1"], rows)


def thresholds_note(found: CalibrationResult) -> str:
    """What the probability means, and what it was measured on; and what the floor of answers does."""
    said = (
        f"Probability: that {found.calibration.of}. Measured on {found.answers:,} answers of the {found.split} split, "
        f"{found.relevant:,} of them relevant. The mean error of the probability is {found.error:.1%}."
    )
    floor = found.answerable
    if floor is None:
        return said
    return (
        f"{said} A question whose best document scores below {floor.score:.3f} (answerable) counts as not answered: "
        f"this keeps {floor.kept:.0%} of {floor.questions:,} questions, and refuses {floor.refused:.0%} "
        f"({floor.refused_interval[0]:.0%} to {floor.refused_interval[1]:.0%}) of them once their relevant documents "
        "are taken away."
    )


def _threshold_name(name: str) -> str:
    words = {"p": "precision", "r": "recall"}
    kind = words.get(name[0]) if name[1:].replace(".", "", 1).isdigit() else None
    return f"{name}: {kind} of {float(name[1:]):.0%}" if kind else name


def encoder_costs_table(costs: Mapping[str, EncoderCost], called: Mapping[str, str]) -> Table:
    """Speed and size of each encoder."""
    head = [
        "", "texts/s", Cell("p50", notes=["ms per query"]), Cell("p95", notes=["ms per query"]), "size", "dimensions",
        Cell("1M vectors", notes=["in an exact index"]),
    ]  # fmt: skip
    rows = [
        Row(
            Cell(called.get(name, name), notes=[cost.runtime]),
            [
                f"{cost.texts_per_second:,.0f}", f"{cost.latency.p50:.1f}", f"{cost.latency.p95:.1f}",
                size(cost.bytes), f"{cost.dimension:,}", size(cost.dimension * 4_000_000),
            ],
        )
        for name, cost in costs.items()
    ]  # fmt: skip
    return Table(head, rows)


def size(count: int | None) -> str:
    """Bytes in megabytes or gigabytes."""
    if count is None:
        return "–"
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
