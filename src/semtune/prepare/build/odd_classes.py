"""What is odd about the classes of a data set: classes only in test, of a single text, several in one cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from semtune.prepare.drop_log import Tally
from semtune.types import LabelledText, Split

SHOWN = 5  # classes named in a message
SEPARATORS = ("|", ";", ",")  # between several classes in one cell
SEVERAL = 0.01  # share of the texts with several classes in one cell that is worth a warning


def warn_of_classes(splits: Mapping[Split, Sequence[LabelledText]], tally: Tally) -> None:
    """Warn of classes that train lacks, of classes with a single text, and of several classes in one cell."""
    train = Counter(row.label for row in splits.get("train", ()))
    for split in ("test", "dev"):
        _warn_of_unknown(split, Counter(row.label for row in splits.get(split, ())), train, tally)
    single = sum(count == 1 for count in train.values())
    tally.count("classes with a single text in train", single)
    if single > len(train) / 2:
        tally.warn(
            f"{single:,} of {len(train):,} classes have a single text in train: there is little to learn from. Is the "
            "label a class, and not a number or an id?"
        )
    _warn_of_several(Counter(row.label for rows in splits.values() for row in rows), tally)


def names(labels: Collection[str]) -> str:
    """A few classes by name, and how many more there are."""
    more = f" and {len(labels) - SHOWN:,} more" if len(labels) > SHOWN else ""
    return ", ".join(map(repr, list(labels)[:SHOWN])) + more


def _warn_of_unknown(split: Split, held: Counter[str], train: Collection[str], tally: Tally) -> None:
    unknown = {label: count for label, count in held.items() if label not in train}
    if not unknown:
        return
    classes = f"{len(unknown):,} classes" if len(unknown) > 1 else "1 class"
    tally.warn(
        f"Train has no text of {classes} of {split} ({names(unknown)}): {sum(unknown.values()):,} of the "
        f"{held.total():,} texts of {split}. They stay there, and are left out when a classifier is judged."
    )


def _warn_of_several(labels: Counter[str], tally: Tally) -> None:
    """Labels such as "a|b" whose parts are labels too, or parts of other labels."""
    for mark in SEPARATORS:
        parts = {label: {part.strip() for part in label.split(mark)} for label in labels}
        times = Counter(part for each in parts.values() for part in each)
        several = [label for label, each in parts.items() if len(each) > 1 and all(times[part] > 1 for part in each)]
        rows = sum(labels[label] for label in several)
        if several and rows > SEVERAL * labels.total():
            tally.warn(
                f"{rows:,} texts seem to have several classes in one cell, e.g. {several[0]!r}. Each combination "
                "counts as a class of its own. Give each text its main class if that is not meant."
            )
            return
