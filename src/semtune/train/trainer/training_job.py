"""What one training is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from semtune.contract import Contract
from semtune.dataset import Dataset
from semtune.train.planning.plan import Plan
from semtune.train.settings import TrainSettings

if TYPE_CHECKING:
    from semtune.train.final_model.forgetting_floor import FloorSet


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """All that one training depends on.

    Attributes:
        data: data sets by name; the dev split of `MAIN_DATASET` chooses the checkpoint.
        base: the backbone's folder.
        contract: of the backbone.
        work: holds the checkpoints and the log.
        settings: what the user asked for.
        plan: what was decided from it.
        seed: of everything random.
        floor: what the model must not become worse on; None: nothing.
    """

    data: Mapping[str, Dataset]
    base: Path
    contract: Contract
    work: Path
    settings: TrainSettings
    plan: Plan
    seed: int
    floor: FloorSet | None = None

    @property
    def max_drop(self) -> float | None:
        """What the floor's metric may lose; None without a floor."""
        return self.floor.max_drop if self.floor else None
