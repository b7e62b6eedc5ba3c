"""Which kinds of evaluation a data set's shape allows, and which one it gets."""

from __future__ import annotations

from semtune.dataset import Dataset
from semtune.errors import InputError, nearest
from semtune.evaluate.kinds.classes import named
from semtune.evaluate.kinds.pairs import binary_pairs
from semtune.evaluate.result import KINDS, Kind
from semtune.types import SPLITS, Split


def tasks(dataset: Dataset, split: Split) -> list[Kind]:
    """The kinds that fit a split, the most natural one first; none where it has no labels."""
    texts, known = dataset.labelled_texts.get(split, []), _classes_of_train(dataset, split)
    triplets, judged = _triplets(dataset, split), bool(binary_pairs(dataset, split))
    fits: dict[Kind, bool] = {
        "cross-language": bool(dataset.parallel.get(split)),
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
    """The kind that is asked for, or that the shape gives.

    Raises:
        InputError: there is no such kind, it does not fit, or nothing does.
    """
    fitting = tasks(dataset, split)
    if task is None:
        if not fitting:
            raise InputError(_nothing_to_judge(dataset, split))
        return fitting[0]
    if task not in KINDS:
        raise InputError(f"{task!r} is not a task.{nearest(task, KINDS)} Allowed: {', '.join(KINDS)}.")
    kind: Kind = next(kind for kind in KINDS if kind == task)
    if kind not in fitting:
        fits = f"What fits: {', '.join(fitting)}." if fitting else _nothing_to_judge(dataset, split)
        raise InputError(
            f"The task {task} does not fit this data's {split} split: it needs {KINDS[kind].needs}. {fits}"
        )
    return kind


def _triplets(dataset: Dataset, split: Split) -> str:
    """Whether rows have negatives: "only" in a table of triplets, "also" in a set that was made for a search."""
    rows = dataset.pairs.get(split, [])
    if not any(row.negatives for row in rows):
        return ""
    return "only" if dataset.pairs.keys() == {split} and all(row.negatives for row in rows) else "also"


def _nothing_to_judge(dataset: Dataset, split: Split) -> str:
    have = [other for other in SPLITS if tasks(dataset, other)]
    return (
        f"The data set has nothing to judge by in its {split} split: neither qrels/{split}.tsv nor labelled rows in "
        f"{split}.jsonl, such as scored sentence pairs. "
        + (f"It has them for {', '.join(have)}." if have else "It has them for no split: prepare it with labels.")
    )
