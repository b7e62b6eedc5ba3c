"""What the training rows of a data set are: their shape, number, negatives and labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.types import LabelledPair, LabelledText, Split

RowShape: TypeAlias = Literal[
    "pairs", "triplets", "pairs with negatives", "scored pairs", "labelled pairs", "labelled texts", "plain sentences"
]
MIN_ROWS = 2
SAME, DIFFERENT = "1", "0"
MAIN_LANGUAGE_SHARE = 0.5  # of the texts in one known language, for a column to count as being in it


@dataclass(frozen=True, slots=True)
class RowsSummary:
    """What the training rows of a data set are.

    Attributes:
        shape: what one row is.
        count: how many rows there are.
        negatives: per row; rows with more lose the surplus.
        binary: labels or scores only say "same" or "different".
        classes: the different labels, most frequent first.
        parallel: the two sides of a pair say the same thing in two languages.
    """

    shape: RowShape
    count: int
    negatives: int = 0
    binary: bool = False
    classes: tuple[str, ...] = ()
    parallel: bool = False


def summarize_rows(dataset: Dataset) -> RowsSummary:
    """Look at the train split.

    Raises:
        InputError: fewer than two rows, or labels of one value.
    """
    summary = _summary(dataset)
    if summary.count < MIN_ROWS:
        raise InputError(
            f"The data set has {summary.count} training row{'s' if summary.count != 1 else ''}; at least {MIN_ROWS} "
            "are needed to train. Add documents or labelled pairs (prepare.json says what was dropped and why)."
        )
    return summary


def _summary(dataset: Dataset) -> RowsSummary:
    if scored := dataset.scored.get("train"):
        values = {pair.score for pair in scored}
        if len(values) == 1 and len(scored) >= MIN_ROWS:
            raise InputError(
                f"All {len(scored)} training scores are {scored[0].score}: nothing can be learned from labels of one "
                "value. Add pairs with other scores."
            )
        return RowsSummary("scored pairs", len(scored), binary=values <= {0.0, 1.0})
    if labelled := dataset.labelled_pairs.get("train"):
        classes = _classes(labelled, "labels of pairs")
        return RowsSummary("labelled pairs", len(labelled), binary=set(classes) <= {SAME, DIFFERENT}, classes=classes)
    if texts := dataset.labelled_texts.get("train"):
        return RowsSummary("labelled texts", len(texts), classes=_classes(texts, "labels of texts"))
    if pairs := dataset.pairs.get("train"):
        width = min(len(pair.negatives) for pair in pairs)
        shape: RowShape = "pairs with negatives" if width > 1 else "triplets" if width else "pairs"
        return RowsSummary(shape, len(pairs), negatives=width, parallel=_parallel(dataset))
    if dataset.corpus and not dataset.qrels.get("train"):
        return RowsSummary("plain sentences", len(corpus_sentences(dataset)))
    return RowsSummary("pairs", 0)


def _classes(rows: Sequence[LabelledPair] | Sequence[LabelledText], what: str) -> tuple[str, ...]:
    counts = Counter(row.label for row in rows)
    if len(counts) == 1 and len(rows) >= MIN_ROWS:
        raise InputError(
            f"All {len(rows)} {what} are {rows[0].label!r}: nothing can be learned from labels of one value. "
            "Add rows with other labels."
        )
    return tuple(sorted(counts, key=lambda label: (-counts[label], label)))


def _parallel(dataset: Dataset) -> bool:
    """Whether questions and passages are in two languages, according to `prepare.json`."""
    mix: Mapping[str, Mapping[str, int]] = dataset.report.get("languages", {})
    sides = [_main_language(mix.get(name, {})) for name in ("queries", "passages")]
    return all(sides) and sides[0] != sides[1]


def _main_language(counts: Mapping[str, int]) -> str:
    if not counts:
        return ""
    language, most = max(counts.items(), key=lambda item: (item[1], item[0]))
    return language if language != "unknown" and most > MAIN_LANGUAGE_SHARE * sum(counts.values()) else ""


def known_texts(dataset: Dataset, split: Split) -> list[LabelledText]:
    """The texts of a split whose class train has too; none if train has fewer than two of the split's classes."""
    train = {row.label for row in dataset.labelled_texts.get("train", [])}
    found = [row for row in dataset.labelled_texts.get(split, []) if row.label in train]
    return found if len({row.label for row in found}) > 1 else []


def corpus_sentences(dataset: Dataset) -> list[str]:
    """The texts of a corpus without repetitions."""
    return list(dict.fromkeys(text for document in dataset.corpus if (text := document.content.strip())))
