"""What training and evaluation read, from the paths that a config or a command names; the pipeline and the commands share it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semtune.contract import Contract
    from semtune.dataset import Dataset
    from semtune.evaluate.result import Scores
    from semtune.evaluate.verdict.slices import Part
    from semtune.progress import Progress
    from semtune.train.forgetting_floor import FloorSet

RUN_DATASET = "prepare"


def dataset_folder(path: Path) -> Path:
    """A data set's folder: itself, or that of a run."""
    inner = path / RUN_DATASET
    return inner if not (path / "corpus.jsonl").exists() and (inner / "prepare.json").exists() else path


def training_set(
    train: Path, dev: Path | None, folder: Path, contract: Contract, seed: int, progress: Progress, loss: str = "auto"
) -> Dataset:
    """The rows to train on: a data set folder, a run, or tables of pairs, whose labels stay where the loss asks for them."""
    from semtune import dataset as datasets
    from semtune.encoders.tokenizer import Tokenizer
    from semtune.prepare.build.dataset import prepare
    from semtune.prepare.settings import PrepareSettings
    from semtune.train.losses import takes_labels

    place = dataset_folder(train)
    if dev is None and (place / "prepare.json").exists():
        return datasets.load(place)
    source: str | dict[str, str] = str(train) if dev is None else {"train": str(train), "dev": str(dev)}
    settings = PrepareSettings(pair_labels="labels" if takes_labels(loss) else "triplets")
    return prepare(source, Tokenizer(folder, contract), contract.passage_length, settings, seed, progress)


def floor_set(data: str, max_drop: float) -> FloorSet | None:
    """What `train.floor` names; None where it names nothing.

    Raises:
        InputError: there is no such data, or nothing in it can be measured.
    """
    from semtune.prepare.build.for_evaluation import load_for_evaluation
    from semtune.train.forgetting_floor import FloorSet

    return FloorSet(load_for_evaluation(Path(data)), max_drop) if data else None


def general_set(place: str) -> Dataset:
    """What `evaluate.general` names: general text to see whether a model forgot it; its test part, or else all there is.

    Raises:
        InputError: there is no such data, or nothing in it can be measured.
    """
    from semtune.errors import InputError
    from semtune.prepare.build.for_evaluation import load_for_evaluation

    found = load_for_evaluation(dataset_folder(Path(place)))
    for split in ("test", "dev", "train"):
        if found.scored.get(split) or found.qrels.get(split):
            found.qrels["test"], found.scored["test"] = found.qrels.get(split, {}), found.scored.get(split, [])
            return found
    raise InputError(f"{place} has nothing to measure. Needed: (sentence1, sentence2, score), or queries with qrels.")


def leaks_of(dataset: Dataset) -> Mapping[str, Any]:
    """What the train part shares with what is held out: as `prepare.json` has it, or else looked for; empty without a train part."""
    from semtune.prepare.split.leaks import leaks

    if "leaks" in dataset.report:
        return dataset.report["leaks"]
    rows = (dataset.qrels, dataset.pairs, dataset.scored)
    train, test = (any(split in part and part[split] for part in rows) for split in ("train", "test"))
    return leaks(dataset).as_dict() if train and test else {}


def left_out(dataset: Dataset) -> dict[str, int]:
    """Reason → how many rows were left out when a source was read to be judged on; a prepared data set told so before."""
    dropped = {} if "settings" in dataset.report else dataset.report.get("dropped", {})
    return {reason: entry["count"] for reason, entry in dropped.items()}


def slices_of(dataset: Dataset, scores: Scores) -> list[Part]:
    """The parts of the test set that are looked at one by one."""
    from semtune.evaluate.verdict.slices import partition
    from semtune.prepare.report.languages import tell

    return partition(dataset, "test", scores, tell)
