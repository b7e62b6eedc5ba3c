"""The texts of a data set by side: what is trained on, and what is held out to evaluate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from semtune.dataset import Dataset
from semtune.prepare.dedupe.overlap import Overlap, overlaps
from semtune.text import key
from semtune.types import Qrels, SentencePair, Split

Sort: TypeAlias = Literal["question", "passage", "scored pair", "labelled text"]
TRAIN: tuple[Split, ...] = ("train",)
HELD_OUT: tuple[Split, ...] = ("dev", "test")


@dataclass(frozen=True, slots=True)
class SplitTexts:
    """Distinct texts of one sort on both sides, and the whole collection, which tells how rare words are."""

    sort: Sort
    train: list[str]
    held: list[str]
    collection: list[str]

    def nearly(self) -> list[tuple[str, str, Overlap]]:
        """(held-out text, training text, overlap): near duplicates and copies that are not the same text.

        For scored pairs only near duplicates: a pair of two equal sentences has few distinct words, so any pair with
        one of them would look like a copy.
        """
        found = overlaps(self.held, self.train, self.collection)
        if self.sort == "scored pair":
            found = [overlap for overlap in found if overlap.near]
        pairs = [(self.held[o.held], self.train[o.train], o) for o in found]
        return [(held, train, overlap) for held, train, overlap in pairs if key(held) != key(train)]


def both_sides(dataset: Dataset) -> list[SplitTexts]:
    """Questions, passages, scored pairs and texts with classes, training side and held-out side."""
    queries = [query.text for query in dataset.queries.values()]
    corpus = [document.content for document in dataset.corpus]
    sides = [
        SplitTexts("question", _questions(dataset, TRAIN), _questions(dataset, HELD_OUT), queries),
        SplitTexts("passage", _passages(dataset, TRAIN), _passages(dataset, HELD_OUT), corpus),
        SplitTexts("scored pair", _scored(dataset, TRAIN), _scored(dataset, HELD_OUT), corpus),
    ]
    if dataset.labelled_texts:
        train, held = _labelled(dataset, TRAIN), _labelled(dataset, HELD_OUT)
        sides.append(SplitTexts("labelled text", train, held, [*train, *held]))
    return sides


def scored_text(row: SentencePair) -> str:
    """A scored or labelled pair as one text; the same for (a, b) and (b, a)."""
    return "\n".join(sorted((row.sentence1, row.sentence2), key=key))


def relevant_ids(dataset: Dataset, splits: Iterable[Split]) -> set[str]:
    """Ids of the documents that answer a question of these splits."""
    return {document for split in splits for document in positives(dataset.qrels.get(split, {}))}


def positives(qrels: Qrels) -> list[str]:
    """Ids of the relevant documents, in order."""
    return list(dict.fromkeys(d for row in qrels.values() for d, grade in row.items() if grade > 0))


def _questions(dataset: Dataset, splits: Iterable[Split]) -> list[str]:
    found: dict[str, None] = {}
    for split in splits:
        asked = (query for query in dataset.qrels.get(split, {}) if query in dataset.queries)
        found.update(dict.fromkeys(dataset.queries[query].text for query in asked))
        found.update(dict.fromkeys(pair.anchor for pair in dataset.pairs.get(split, [])))
    return list(found)


def _passages(dataset: Dataset, splits: Iterable[Split]) -> list[str]:
    wanted = relevant_ids(dataset, splits := tuple(splits))
    found = dict.fromkeys(document.content for document in dataset.corpus if document.id in wanted)
    for split in splits:
        found.update(dict.fromkeys(pair.positive for pair in dataset.pairs.get(split, [])))
    return list(found)


def _scored(dataset: Dataset, splits: Iterable[Split]) -> list[str]:
    return list(dict.fromkeys(scored_text(row) for split in splits for row in dataset.sentence_pairs(split)))


def _labelled(dataset: Dataset, splits: Iterable[Split]) -> list[str]:
    return list(dict.fromkeys(row.text for split in splits for row in dataset.labelled_texts.get(split, [])))
