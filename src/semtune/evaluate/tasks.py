"""Finds the kinds of evaluation that fit a data set, and picks one."""

from __future__ import annotations

from semtune.dataset import Dataset
from semtune.errors import InputError, nearest
from semtune.evaluate.kinds.classes import named
from semtune.evaluate.kinds.pairs import binary_pairs
from semtune.evaluate.result import KINDS, Kind
from semtune.types import SPLITS, Split


def tasks(dataset: Dataset, split: Split) -> list[Kind]:
    """The kinds that fit a split, the most natural one first; empty without labels."""
    texts, known = dataset.labelled_texts.get(split, []), _classes_of_train(dataset, split)
    triplets, judged = _triplets(dataset, split), bool(binary_pairs(dataset, split))
    fits: dict[Kind, bool] = {
        "cross-language": bool(dataset.parallel.get(split)),
        "classification": len({row.label for row in texts} & known) > 1,
        "few-shot": any(row.label in known for row in texts),
        "clustering": bool(texts),
        "zero-shot": named(texts),
        "pairs": judged,
        "mining": judged,
        "similarity": bool(dataset.scored.get(split)),
        "triplets": bool(triplets),
        "retrieval": bool(dataset.qrels.get(split)),
    }
    found: list[Kind] = [kind for kind, fitting in fits.items() if fitting]
    return sorted(found, key=lambda kind: kind == "triplets") if triplets == "also" else found


def _classes_of_train(dataset: Dataset, split: Split) -> set[str]:
    return {row.label for row in dataset.labelled_texts.get("train", [])} if split != "train" else set()


def choose_task(dataset: Dataset, split: Split, task: str | None = None) -> Kind:
    """The requested kind, or the first one that fits.

    Raises:
        InputError: the kind is unknown or does not fit, or no kind fits.
    """
    fitting = tasks(dataset, split)
    if task is None:
        if not fitting:
            raise InputError(_no_labels(dataset, split))
        return fitting[0]
    if task not in KINDS:
        raise InputError(f"{task!r} is not a task.{nearest(task, KINDS)} Allowed: {', '.join(KINDS)}.")
    kind: Kind = next(kind for kind in KINDS if kind == task)
    if kind not in fitting:
        fits = f"Tasks that fit: {', '.join(fitting)}." if fitting else _no_labels(dataset, split)
        raise InputError(
            f"The task {task} does not fit this data's {split} split: it needs {KINDS[kind].needs}. {fits}"
        )
    return kind


def _triplets(dataset: Dataset, split: Split) -> str:
    """Whether rows have negatives: "only" for a table of triplets, "also" for a retrieval data set."""
    rows = dataset.pairs.get(split, [])
    if not any(row.negatives for row in rows):
        return ""
    return "only" if dataset.pairs.keys() == {split} and all(row.negatives for row in rows) else "also"


def _no_labels(dataset: Dataset, split: Split) -> str:
    have = [other for other in SPLITS if tasks(dataset, other)]
    return (
        f"The data set has no labels in its {split} split: neither qrels/{split}.tsv nor labelled rows in "
        f"{split}.jsonl, such as scored sentence pairs. "
        + (f"It has labels in {', '.join(have)}." if have else "No split has labels. Prepare it with labels.")
    )
