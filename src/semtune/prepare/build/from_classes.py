"""Texts with classes become a data set for classification: a split that people made is kept, else one is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.prepare.build.odd_classes import names
from semtune.prepare.drop_log import Tally
from semtune.prepare.records import ClassRows, Part, held_out
from semtune.prepare.settings import PrepareSettings
from semtune.prepare.split.assign import missing_shares
from semtune.prepare.split.by_class import split_by_class
from semtune.text import key, short_id
from semtune.types import SPLITS, Document, LabelledText, Split


def build_classes(found: ClassRows, settings: PrepareSettings, seed: int, tally: Tally) -> Dataset:
    """Keep the splits of the source, take from train what dev and test hold, and make the splits that are missing.

    Rows of dev and test stay as people wrote them, except that dev loses the texts of test.

    Raises:
        InputError: there is no train part, or nothing to tell apart in it.
    """
    parts = _parts(found)
    held = _held_out(parts, tally)
    train = _without_held_out(parts.get("train", parts.get("all", [])), held, tally)
    _refuse_unusable(train)
    wanted = missing_shares(held, settings)
    made: dict[Split, list[LabelledText]] = {**held}
    if any(wanted.values()):
        made |= {split: rows for split, rows in split_by_class(train, wanted, seed, tally).items() if rows}
    else:
        made["train"] = train
    splits: dict[Split, list[LabelledText]] = {split: made[split] for split in SPLITS if made.get(split)}
    return Dataset(labelled_texts=splits, corpus=distinct_texts(row for rows in splits.values() for row in rows))


def distinct_texts(rows: Iterable[LabelledText]) -> list[Document]:
    """Every text once, in order of appearance, with its class, so that an index can be built from them."""
    found: dict[str, Document] = {}
    for row in rows:
        id_ = short_id("t", row.text)
        found.setdefault(id_, Document(id_, row.text, metadata={"label": row.label}))
    return list(found.values())


def _parts(found: ClassRows) -> dict[Part, list[LabelledText]]:
    if "train" not in found.parts and "all" not in found.parts:
        names = ", ".join(found.parts)
        raise InputError(
            f"The source has no train part, only {names}: there is nothing to train on, and what people held out is "
            "not split again. Give train=FILE beside it; give the file alone, under a name without a split, to have it "
            "split; or judge a model on it as it is: semtune evaluate MODEL FILE."
        )
    return in_parts(found)


def in_parts(found: ClassRows) -> dict[Part, list[LabelledText]]:
    """The rows of each part as a data set holds them."""
    return {part: [LabelledText(row.text, row.label) for row in rows] for part, rows in found.parts.items()}


def _held_out(parts: Mapping[Part, list[LabelledText]], tally: Tally) -> dict[Split, list[LabelledText]]:
    """Dev and test as they are; dev without the texts of test."""
    held = held_out(parts)
    test = {key(row.text) for row in held.get("test", [])}
    for split, rows in held.items():
        repeated = len(rows) - len({key(row.text) for row in rows})
        tally.count(f"texts of {split} that occur in it before, kept as they are", repeated)
    if "dev" in held:
        for row in held["dev"]:
            if key(row.text) in test:
                tally.drop("dev row: text occurs in test", row.text)
        held["dev"] = [row for row in held["dev"] if key(row.text) not in test]
    return {split: rows for split, rows in held.items() if rows}


def _without_held_out(
    train: Sequence[LabelledText], held: Mapping[Split, Sequence[LabelledText]], tally: Tally
) -> list[LabelledText]:
    """Each text once, and none of dev or test."""
    asked = {key(row.text) for rows in held.values() for row in rows}
    seen: dict[str, str] = {}
    kept: list[LabelledText] = []
    for row in train:
        same = key(row.text)
        if same in seen:
            other = seen[same] != row.label
            reason = "text that an earlier row has in another class" if other else "duplicate text in its class"
            tally.drop(reason, f"{row.text} ({row.label}, before {seen[same]})" if other else row.text)
            continue
        seen[same] = row.label
        if same in asked:
            tally.drop("training row: text occurs in dev or test", row.text)
        else:
            kept.append(row)
    return kept


def _refuse_unusable(train: Sequence[LabelledText]) -> None:
    if not train:
        raise InputError("No text is left to train on: all occur in dev or test. Give other training rows.")
    counts = Counter(row.label for row in train)
    if len(counts) == 1:
        raise InputError(
            f"All {len(train):,} texts to train on are of the class {train[0].label!r}: there is nothing to tell "
            "apart. Give texts of at least two classes, or name another column with roles: {label: COLUMN}."
        )
    if len(counts) == len(train):
        raise InputError(
            f"Each of the {len(train):,} texts to train on has a class of its own ({names(counts)}), so nothing can "
            "be learned. Is the label an id or a score? Name another column with roles: {label: COLUMN}."
        )
