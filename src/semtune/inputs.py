"""What training reads, from the paths that a config or a command names; the pipeline and the commands share it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from semtune.contract import Contract
    from semtune.dataset import Dataset
    from semtune.progress import Progress
    from semtune.train.floor import FloorSet

RUN_DATASET = "prepare"


def dataset_folder(path: Path) -> Path:
    """A data set's folder: itself, or that of a run."""
    inner = path / RUN_DATASET
    return inner if not (path / "corpus.jsonl").exists() and (inner / "prepare.json").exists() else path


def training_set(
    train: Path, dev: Path | None, folder: Path, contract: Contract, seed: int, progress: Progress
) -> Dataset:
    """The rows to train on: a data set folder, a run, or tables of pairs."""
    from semtune import dataset as datasets
    from semtune.encoders.tokenizer import Tokenizer
    from semtune.prepare import PrepareSettings, prepare

    place = dataset_folder(train)
    if dev is None and (place / "prepare.json").exists():
        return datasets.load(place)
    source: str | dict[str, str] = str(train) if dev is None else {"train": str(train), "dev": str(dev)}
    return prepare(source, Tokenizer(folder, contract), contract.passage_length, PrepareSettings(), seed, progress)


def floor_set(data: str, max_drop: float) -> FloorSet | None:
    """What `train.floor` names; None where it names nothing.

    Raises:
        InputError: there is no such data, or nothing in it can be measured.
    """
    from semtune.prepare import load_for_evaluation
    from semtune.train.floor import FloorSet

    return FloorSet(load_for_evaluation(Path(data)), max_drop) if data else None
