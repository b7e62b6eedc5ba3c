"""The texts of a data set that a distillation learns from, never those of its test split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from semtune.contract import Contract
from semtune.dataset import Dataset
from semtune.types import LabelledPair, Role, ScoredPair

T = TypeVar("T")
PCA_TEXTS = 2_000
PCA_TEXTS_PER_DIMENSION = 4  # with fewer texts per dimension, the axes follow the sample rather than the data


def imitation_texts(dataset: Dataset, contract: Contract) -> list[str]:
    """Passages, and the questions and sentences of the train split, each with its prompt; none of dev or test."""
    pairs = dataset.pairs.get("train", [])
    sentences = [*dataset.scored.get("train", []), *dataset.labelled_pairs.get("train", [])]
    texts: dict[Role, list[str]] = {
        "document": [*(document.content for document in dataset.corpus), *(pair.positive for pair in pairs)],
        "query": [
            *(pair.anchor for pair in pairs),
            *(text for row in sentences for text in (row.sentence1, row.sentence2)),
            *(row.text for row in dataset.labelled_texts.get("train", [])),
        ],
    }
    prompted = (contract.prompt(role) + text for role, some in texts.items() for text in some if text.strip())
    return list(dict.fromkeys(prompted))


def pca_texts(dataset: Dataset, dimension: int) -> list[str]:
    """Different texts of the train split, evenly spaced, on which the axes of shorter vectors are fitted.

    Where there are too few of them, passages of the corpus are added.
    """
    texts = sentences_of([*dataset.scored.get("train", []), *dataset.labelled_pairs.get("train", [])])
    texts += [text for pair in dataset.pairs.get("train", []) for text in (pair.anchor, pair.positive)]
    texts += [row.text for row in dataset.labelled_texts.get("train", [])]
    if len(texts) < PCA_TEXTS_PER_DIMENSION * dimension:
        texts += passages_of(dataset)
    return spaced(list(dict.fromkeys(texts)), PCA_TEXTS)


def passages_of(dataset: Dataset) -> list[str]:
    """The passages; of scored or labelled pairs, the different sentences of train and dev."""
    pairs: list[ScoredPair | LabelledPair] = []
    for rows in (dataset.scored, dataset.labelled_pairs):
        pairs += [*rows.get("train", []), *rows.get("dev", [])]
    return list(dict.fromkeys(sentences_of(pairs))) if pairs else [document.content for document in dataset.corpus]


def sentences_of(pairs: Iterable[ScoredPair | LabelledPair]) -> list[str]:
    """Both sentences of each pair."""
    return [text for pair in pairs for text in (pair.sentence1, pair.sentence2)]


def spaced(items: Sequence[T], most: int) -> list[T]:
    """At most `most` of the items, evenly spaced."""
    count = min(most, len(items))
    return [items[at * len(items) // count] for at in range(count)]
