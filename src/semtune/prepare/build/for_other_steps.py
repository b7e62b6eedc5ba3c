"""Data sets for the steps after prepare, from the paths that a config or a command names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.errors import InputError
from semtune.prepare.settings import PrepareSettings
from semtune.progress import QUIET, Progress
from semtune.step import LoadDataset, ModelRef
from semtune.types import SPLITS

if TYPE_CHECKING:
    from semtune.dataset import Dataset

RUN_DATASET = "prepare"


def dataset_folder(path: Path) -> Path:
    """A data set's folder: itself, or that of a run."""
    inner = path / RUN_DATASET
    return inner if not (path / "corpus.jsonl").exists() and (inner / "prepare.json").exists() else path


def training(
    train: str | Path,
    reader: ModelRef,
    seed: int,
    dev: Path | None = None,
    progress: Progress = QUIET,
    *,
    keep_labels: bool = False,
    allow_unreadable: bool = False,
) -> LoadDataset:
    """The rows to train on: a data set folder, a run, or tables of pairs, prepared when they are asked for.

    Args:
        train: the path.
        reader: whose tokenizer and length limit count.
        seed: of the split.
        dev: a table that chooses the best checkpoint.
        progress: shown to the user.
        keep_labels: labelled pairs stay what they are, for the losses that take labels.
        allow_unreadable: many texts may be in letters that `reader` does not know.
    """

    def read() -> Dataset:
        from semtune import dataset as datasets
        from semtune.encoders.tokenizer import Tokenizer
        from semtune.prepare.build.dataset import prepare

        place = dataset_folder(Path(train))
        if dev is None and (place / "prepare.json").exists():
            return datasets.load(place)
        source: str | dict[str, str] = str(train) if dev is None else {"train": str(train), "dev": str(dev)}
        labels = "labels" if keep_labels else "triplets"
        settings = PrepareSettings(pair_labels=labels, allow_unreadable=allow_unreadable)
        tokenizer = Tokenizer(reader.folder, reader.contract)
        return prepare(source, tokenizer, reader.contract.passage_length, settings, seed, progress)

    return read


def evaluation(place: str | Path) -> LoadDataset:
    """What a model is judged on, as it is: see `semtune.prepare.build.for_evaluation`."""

    def read() -> Dataset:
        from semtune.prepare.build.for_evaluation import load_for_evaluation

        return load_for_evaluation(dataset_folder(Path(place)))

    return read


def general(place: str) -> LoadDataset:
    """General text to see whether a model forgot it: its test part, or else all there is."""

    def read() -> Dataset:
        found = evaluation(place)()
        for split in ("test", "dev", "train"):
            if found.scored.get(split) or found.qrels.get(split):
                found.qrels["test"], found.scored["test"] = found.qrels.get(split, {}), found.scored.get(split, [])
                return found
        raise InputError(
            f"{place} has nothing to measure. Needed: (sentence1, sentence2, score), or queries with qrels."
        )

    return read


def content(place: str) -> str:
    """Hash of what a path holds.

    Raises:
        InputError: there is nothing.
    """
    from semtune.prepare.readers.source_kind import hash_source

    return hash_source(place)


def leaks_of(dataset: Dataset) -> Mapping[str, Any]:
    """What train shares with what is held out, from `prepare.json` or searched for; empty without a train part."""
    from semtune.prepare.split.leaks import find_leaks

    if "leaks" in dataset.report:
        return dataset.report["leaks"]
    rows = (dataset.qrels, dataset.pairs, dataset.scored, dataset.labelled_texts)
    train, test = (any(split in part and part[split] for part in rows) for split in ("train", "test"))
    return find_leaks(dataset).as_dict() if train and test else {}


def language_of(texts: Sequence[str]) -> list[str]:
    """The languages that texts are in; "unknown" where that is not sure."""
    from semtune.languages.identify import tell

    return tell(texts)


def left_out(dataset: Dataset) -> dict[str, int]:
    """Reason → rows left out when a source was read to be judged on; a prepared data set has told so before."""
    from semtune.prepare.drop_log import by_reason

    return {} if "settings" in dataset.report else by_reason(dataset.report.get("dropped", {}))


def warned(dataset: Dataset) -> list[str]:
    """What a source warned of when it was read to be judged on; a prepared data set has told so before."""
    return [] if "settings" in dataset.report else list(dataset.report.get("warnings", []))


def held_out_queries(dataset: Dataset) -> list[str]:
    """Queries that nothing was trained on: those of test and dev; all, where there is no split."""
    held = [query for split in ("test", "dev") for query in dataset.qrels.get(split, {})]
    asked = held or ([] if any(dataset.qrels.get(split) for split in SPLITS) else list(dataset.queries))
    return [dataset.queries[query].text for query in dict.fromkeys(asked) if query in dataset.queries]
