"""What every step has in common.

`STEP/step.py` defines the inputs of a step, `key(inputs)`, which is what the result depends on, and
`run(inputs, out, progress)`. The settings are one class in `STEP/settings.py`. The pipeline and the commands make the
inputs and call `run`; only the pipeline uses the key, since only a run skips steps that are up to date.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from semtune.contract import Contract
from semtune.dataset import Dataset

LoadDataset: TypeAlias = Callable[[], Dataset]
"""Loads a data set when it is needed: computing the key of a step must not read one."""


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model on this machine, with the name that the user gave."""

    name: str
    folder: Path
    contract: Contract


class StepResult(Protocol):
    """The result of a step besides the files in its folder."""

    @property
    def external(self) -> Sequence[str]:
        """Files outside the folder that the step made and needs."""
        ...

    def facts(self) -> dict[str, Any]:
        """Its numbers as JSON values, for the record and the summary."""
        ...
