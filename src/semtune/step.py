"""What every step has: `STEP/step.py` holds its inputs, `key(inputs)`, what its result depends on, and `run(inputs, out, progress)`.

The settings of a step are one class, in `STEP/settings.py`. The pipeline and the commands make the inputs and call `run`;
only the pipeline asks for the key, since only a run skips steps that are up to date.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from semtune.contract import Contract
from semtune.dataset import Dataset

LoadDataset: TypeAlias = Callable[[], Dataset]
"""Gives a data set when it is needed: the key of a step must not cost reading one."""


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model on this machine, by the name that it was asked for with."""

    name: str
    folder: Path
    contract: Contract


class StepResult(Protocol):
    """What a step came to, beside the files in its folder."""

    @property
    def external(self) -> Sequence[str]:
        """Files outside the folder that it made and needs."""
        ...

    def facts(self) -> dict[str, Any]:
        """Its numbers, as JSON values, for the record and the summary."""
        ...
