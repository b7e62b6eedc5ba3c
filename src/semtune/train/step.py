"""The train step: a data set and a backbone in; a tuned model, its log and what the doctor saw out."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.progress import Progress
from semtune.step import LoadDataset, ModelRef
from semtune.train.settings import TrainSettings

if TYPE_CHECKING:
    from semtune.train.train_model import Trained

LIBRARIES = ("torch", "transformers", "sentence-transformers")
MODEL, LOG, FINDINGS, CURVE = "model", "log.jsonl", "doctor.json", "curve.png"
SCRATCH = ("checkpoints", "training.json")


@dataclass(frozen=True, slots=True)
class TrainInputs:
    """What train needs.

    Attributes:
        data: the data set.
        settings: of the step.
        base: the backbone.
        seed: of everything random.
        also: name → a further data set, as `settings.also` names them.
        floor: the general set of `settings.floor`; None without one.
        model: where the tuned model goes; None: the folder `model` in `out`.
    """

    data: LoadDataset
    settings: TrainSettings
    base: ModelRef
    seed: int
    also: Mapping[str, LoadDataset] = field(default_factory=dict)
    floor: LoadDataset | None = None
    model: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TrainResult:
    """The training as it went."""

    trained: Trained
    external: Sequence[str] = ()

    def facts(self) -> dict[str, Any]:
        """The plan, the dev metric before and after, and what the doctor saw."""
        made = self.trained
        return {
            "plan": made.plan.as_dict(), "best": made.best, "start": made.start,
            "fingerprint": made.contract.fingerprint, **made.doctor_json(),
        }  # fmt: skip


def key(inputs: TrainInputs) -> dict[str, Any]:
    """What the tuned model depends on beside the data."""
    base = inputs.base
    return inputs.settings.as_dict() | {"base": base.contract.fingerprint, "model": base.name, "seed": inputs.seed}


def run(inputs: TrainInputs, out: Path, progress: Progress) -> TrainResult:
    """Tune the backbone; `out` gets the log, the curve and checkpoints, from which a killed training continues.

    Raises:
        InputError: nothing to train on, or the data's shape does not fit.
        TrainingError: the loss is not a number any more.
    """
    from semtune.train.final_model.forgetting_floor import FloorSet
    from semtune.train.monitor.curve import draw_curve
    from semtune.train.processes import is_first
    from semtune.train.train_model import train

    settings = inputs.settings
    floor = FloorSet(inputs.floor(), settings.floor.max_drop) if inputs.floor else None
    made = train(
        inputs.data(), inputs.base.folder, inputs.base.name, inputs.model or out / MODEL, out, settings, inputs.seed,
        progress, {name: data() for name, data in inputs.also.items()}, floor,
    )  # fmt: skip
    if is_first():
        draw_curve(made.log, made.plan.metric, out / CURVE, made.plan.steps, made.findings)
        for name in SCRATCH:
            shutil.rmtree(out / name, ignore_errors=True) if (out / name).is_dir() else (out / name).unlink(
                missing_ok=True
            )
    return TrainResult(made)
