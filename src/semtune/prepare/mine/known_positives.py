"""What the labels say about a corpus before anything is searched: which passages may not be a question's negative."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from semtune.dataset import Dataset
from semtune.prepare.dedupe.near_duplicates import THRESHOLD, Rarity, fingerprint, similarity
from semtune.prepare.dedupe.overlap import overlaps
from semtune.prepare.settings import Pool
from semtune.prepare.split.split_texts import HELD_OUT, TRAIN, relevant_ids
from semtune.text import key
from semtune.types import SPLITS, Split

SAMPLE = 10_000  # passages whose words are counted to find the rare ones
BLOCK = 20_000  # passages compared with the held-out ones at a time

Rows = NDArray[np.int64]  # positions in the corpus


class KnownPositives:
    """Labels, equal texts, documents and splits of a data set, by position in its corpus.

    A passage that any label of any split, or any pair, marks relevant for a question is relevant for every question
    of the same text, and so is every passage of the same text.

    Attributes:
        texts: (n,) number of each passage's text; texts that differ only in case and white space have the same number.
        allowed: (n,) whether the pool contains the passage.
        pool: positions of the passages in the pool.
    """

    def __init__(self, dataset: Dataset, pool: Pool) -> None:
        self._documents = dataset.corpus
        self._numbers: dict[str, int] = {}
        self._first: dict[int, int] = {}
        self._more: dict[int, list[int]] = {}  # rows of a text beyond the first; few texts have any
        self.texts: Rows = np.empty(len(dataset.corpus), dtype=np.int64)
        for row, document in enumerate(dataset.corpus):
            number = self._numbers.setdefault(key(document.content), len(self._numbers))
            self.texts[row] = number
            if self._first.setdefault(number, row) != row:
                self._more.setdefault(number, []).append(row)
        self._relevant: dict[str, set[int]] = {}
        self._refuted: dict[str, set[int]] = {}
        self._learn(dataset)
        self.allowed = self._pool(dataset, pool)
        self.pool: Rows = np.flatnonzero(self.allowed)
        self._rarity = Rarity([fingerprint(text) for text in _sample(dataset)])

    def number(self, text: str) -> int | None:
        """A text's number; None if no passage has it."""
        return self._numbers.get(key(text))

    def row(self, text: str) -> int | None:
        """Position of the first passage with this text; None if there is none."""
        number = self.number(text)
        return None if number is None else self._first[number]

    def relevant(self, question: str) -> set[int]:
        """Numbers of the texts that answer a question, and of the question itself if it is a passage too."""
        itself = self._numbers.get(key(question))
        return self._relevant.get(key(question), set()) | ({itself} if itself is not None else set())

    @property
    def doubles(self) -> int:
        """How many passages repeat the text of an earlier one."""
        return sum(map(len, self._more.values()))

    def copies(self, question: str) -> int:
        """How many passages have a text that answers the question, or the question's own text."""
        return sum(1 + len(self._more.get(number, ())) for number in self.relevant(question))

    def refuted(self, question: str) -> set[int]:
        """Numbers of the texts that are labelled as no answer to the question (grade 0)."""
        return self._refuted.get(key(question), set())

    def groups(self, numbers: set[int]) -> set[str]:
        """The documents that these texts were cut from."""
        rows = (row for number in numbers for row in (self._first[number], *self._more.get(number, ())))
        return {group for row in rows if (group := self.group(row))}

    def group(self, row: int) -> str:
        """The document a passage was cut from; empty if that is not known."""
        return str(self._documents[row].metadata.get("group", ""))

    def alike(self, row: int, text: str) -> bool:
        """Whether a passage is a near duplicate of `text`, see `semtune.prepare.dedupe.near_duplicates`."""
        return similarity(fingerprint(self._documents[row].content), fingerprint(text), self._rarity) >= THRESHOLD

    def _learn(self, dataset: Dataset) -> None:
        number = {document.id: int(text) for document, text in zip(dataset.corpus, self.texts, strict=True)}
        for question, document, grade in _labels(dataset):
            if document in number:
                side = self._relevant if grade > 0 else self._refuted
                side.setdefault(question, set()).add(number[document])
        for pairs in dataset.pairs.values():
            for pair in pairs:
                if (found := self._numbers.get(key(pair.positive))) is not None:
                    self._relevant.setdefault(key(pair.anchor), set()).add(found)

    def _pool(self, dataset: Dataset, pool: Pool) -> NDArray[np.bool_]:
        if pool == "all":
            return np.ones(len(self.texts), dtype=bool)
        held = self._held_out(dataset)
        return ~held & self._answers(dataset, TRAIN) if pool == "train" else ~held

    def _held_out(self, dataset: Dataset) -> NDArray[np.bool_]:
        """Passages that answer dev or test, passages of the same documents, and near duplicates and copies of them."""
        held = self._answers(dataset, HELD_OUT)
        groups = {group for row in np.flatnonzero(held) if (group := self.group(int(row)))}
        answers = list(dict.fromkeys(self._documents[int(row)].content for row in np.flatnonzero(held)))
        if groups:
            held |= np.array([self.group(row) in groups for row in range(len(held))])
        for start in range(0, len(held), BLOCK):
            block = [document.content for document in self._documents[start : start + BLOCK]]
            for found in overlaps(answers, block, _sample(dataset)):
                held[start + found.train] = True
        return held

    def _answers(self, dataset: Dataset, splits: Sequence[Split]) -> NDArray[np.bool_]:
        ids = relevant_ids(dataset, splits)
        numbers = {int(self.texts[row]) for row, document in enumerate(self._documents) if document.id in ids}
        for split in splits:
            positives = (key(pair.positive) for pair in dataset.pairs.get(split, []))
            numbers.update(self._numbers[text] for text in positives if text in self._numbers)
        return np.isin(self.texts, list(numbers))


def held_out_texts(dataset: Dataset) -> set[str]:
    """Keys of the passages that answer dev or test, and of all passages of the same documents."""
    ids = relevant_ids(dataset, HELD_OUT)
    groups = {str(d.metadata["group"]) for d in dataset.corpus if d.id in ids and "group" in d.metadata}
    found = {key(d.content) for d in dataset.corpus if d.id in ids or str(d.metadata.get("group", "")) in groups}
    return found | {key(pair.positive) for split in HELD_OUT for pair in dataset.pairs.get(split, [])}


def _labels(dataset: Dataset) -> Iterator[tuple[str, str, int]]:
    """(key of the question, document id, grade) of every split."""
    for split in SPLITS:
        for query, row in dataset.qrels.get(split, {}).items():
            if query in dataset.queries:
                question = key(dataset.queries[query].text)
                yield from ((question, document, grade) for document, grade in row.items())


def _sample(dataset: Dataset) -> list[str]:
    """At most `SAMPLE` passages, evenly spread over the corpus."""
    step = -(-len(dataset.corpus) // SAMPLE) or 1
    return [document.content for document in dataset.corpus[::step]]
