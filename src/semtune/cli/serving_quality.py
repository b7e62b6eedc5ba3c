"""What `semtune evaluate` adds for serving: `--stages` and `--calibrate`, checked before the work and shown after it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from semtune.cli.console import Console
from semtune.errors import ConfigError, InputError

if TYPE_CHECKING:
    from semtune.evaluate.serving.calibration import Calibrated
    from semtune.evaluate.serving.stages import Stages


def folder_to_calibrate(model: str) -> Path:
    """The model folder that `--calibrate` writes thresholds into, found wanting before hours of work.

    Raises:
        InputError: the model is no folder of the user's own, or a step of a run made it.
    """
    from semtune.hub import is_model_folder, resolve
    from semtune.run import RECORD

    place = Path(model).expanduser()
    if not place.is_dir():
        raise InputError(
            f"--calibrate writes thresholds into the model's folder, and {model!r} is a name. Make a folder of it with "
            f"`semtune export {model} -o FOLDER`, and give that."
        )
    folder = resolve(model, serving=True)
    if not is_model_folder(place) or any((each / RECORD).exists() for each in (folder, folder.parent)):
        raise InputError(
            f"{folder} was made by a run, which keeps it as it is. A run calibrates by itself: its evaluate step measures "
            "the thresholds, its export takes them over (evaluate.calibrate in the config)."
        )
    return folder


def index_to_measure(index: Path | None, stages: bool) -> Path | None:
    """The index folder that `--index` means.

    Raises:
        ConfigError: it was given without `--stages`.
        InputError: there is no whole index.
    """
    from semtune.search.searcher import index_folder

    if index is None:
        return None
    if not stages:
        raise ConfigError("--index is measured as a stage: add --stages.")
    return index_folder(index)


def store(found: Calibrated, folder: Path) -> None:
    """Write thresholds into a model folder's contract."""
    from semtune import contract as contracts

    contracts.save(contracts.with_thresholds(contracts.load(folder), found.as_dict()), folder)


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


def show_thresholds(console: Console, found: Calibrated, folder: Path) -> None:
    """The cuts, and where they were written."""
    console.say(f"thresholds from the {found.split} split, written to {folder}:")
    for name, cut in found.cuts.items():
        chance = found.calibration.probability(cut.score)
        console.say(
            f"  {name:<8} score {cut.score:.3f} (probability {chance:.0%}): precision {cut.precision:.2f}, recall {cut.recall:.2f}"
        )
    console.say(f"  probability: that {found.calibration.of}; off by {found.error:.1%} on average")
