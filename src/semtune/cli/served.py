"""What `semtune evaluate` adds for serving: `--stages`, `--calibrate`, and the further parts of its report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from semtune.cli.console import Console
from semtune.errors import ConfigError, InputError

if TYPE_CHECKING:
    from semtune.dataset import Dataset
    from semtune.evaluate.report.extras import Extras
    from semtune.evaluate.result import Kind, Scores
    from semtune.evaluate.serving.calibration import Calibrated
    from semtune.evaluate.serving.stages import Stages
    from semtune.progress import Progress
    from semtune.protocols import Encoder


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


@dataclass(frozen=True, slots=True)
class Measured:
    """The model's result on the test part, and what was asked for beside it."""

    tuned: Scores
    stages: Stages | None = None
    calibrated: Calibrated | None = None


def measure_tuned(
    encoder: Encoder, dataset: Dataset, task: Kind, at: Sequence[int], seed: int, progress: Progress,
    stages: Stages | None = None, calibrate: bool = False,
) -> Measured:  # fmt: skip
    """Measure the model that is judged; what the stages have measured already is not measured again.

    Raises:
        InputError: thresholds are asked for, and there are too few labels for them.
    """
    from semtune.evaluate.scores import score
    from semtune.evaluate.serving.calibration import calibrate as calibrated
    from semtune.evaluate.serving.calibration import calibration_split, require_labels
    from semtune.evaluate.two_splits import score_beside

    if calibrate:
        require_labels(dataset, task)
        beside = calibration_split(dataset, task)
        both = score_beside(encoder, dataset, "test", beside, progress, task, at, seed)
        return Measured(both["test"], stages, calibrated(both[beside], dataset, beside))
    known = [row.scores for row in stages.rows if row.scores.runtime == encoder.runtime] if stages else []
    return Measured(known[0] if known else score(encoder, dataset, "test", progress, task, at, seed), stages)


def measure_stages(
    model: str, index: Path | None, runtime: str, dataset: Dataset, task: str, at: Sequence[int], seed: int, progress: Progress
) -> Stages:  # fmt: skip
    """Measure the stages of `--stages`; `index` is a folder that `index_to_measure` gave."""
    from semtune.evaluate.serving.stage_eval import Test
    from semtune.evaluate.serving.stage_eval import measure_stages as measure

    return measure(model, Test(dataset, "test", task, at, seed), index, runtime, progress)


def store(found: Calibrated, folder: Path) -> None:
    """Write thresholds into a model folder's contract."""
    from semtune import contract as contracts
    from semtune.evaluate.serving.calibration import with_thresholds

    contracts.save(with_thresholds(contracts.load(folder), found.as_dict()), folder)


def further_parts(
    encoders: Mapping[str, Encoder],
    models: Mapping[str, str],
    dataset: Dataset,
    tuned: Scores,
    stages: Stages | None,
    calibrated: Calibrated | None,
    seed: int,
) -> Extras:
    """What the report shows beside the metrics.

    Args:
        encoders: system → its encoder.
        models: system → the model as it was typed.
        dataset, tuned: what was measured, and the result.
        stages, calibrated: where they were asked for.
        seed: of the map's sample.
    """
    from semtune.encoders.load import model_bytes
    from semtune.evaluate.report.extras import Extras, charts, costs
    from semtune.hub import resolve

    sizes = {
        name: model_bytes(resolve(models[name], serving=not encoder.runtime.startswith("torch")), encoder.runtime)
        for name, encoder in encoders.items()
    }
    return Extras(charts(encoders, dataset, "test", seed), costs(encoders, dataset, tuned, sizes), stages, calibrated)


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
