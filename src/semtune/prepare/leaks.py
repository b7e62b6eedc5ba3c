"""The last check before a data set is handed out: train shares nothing with dev and test.

Looked for are exact texts (case and white space aside), documents by id, and groups by name. Near duplicates
are not looked for here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from semtune.dataset import Dataset
from semtune.errors import GateError
from semtune.prepare.text import key
from semtune.types import Split

TRAIN: tuple[Split, ...] = ("train",)
HELD_OUT: tuple[Split, ...] = ("dev", "test")
EXAMPLES = 3


@dataclass(slots=True)
class Leaks:
    """What train shares with dev or test, by sort: "document", "group", "text", "scored pair"."""

    found: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All leaks found."""
        return sum(self.found.values())

    def as_dict(self) -> dict[str, Any]:
        """The JSON form, for the report."""
        return {"found": self.total, "by_sort": dict(self.found), "examples": dict(self.examples)}


def leaks(dataset: Dataset) -> Leaks:
    """Look for everything that train shares with dev or test."""
    result = Leaks()
    documents = {document.id: document for document in dataset.corpus}
    _compare(result, "document", _judged(dataset, TRAIN), _judged(dataset, HELD_OUT))
    group = {
        id_: str(document.metadata["group"]) for id_, document in documents.items() if "group" in document.metadata
    }
    train, held = ({group[id_] for id_ in _judged(dataset, splits) if id_ in group} for splits in (TRAIN, HELD_OUT))
    _compare(result, "group", train, held)
    content = {id_: document.content for id_, document in documents.items()}
    _compare(result, "text", _texts(dataset, TRAIN, content), _texts(dataset, HELD_OUT, content))
    _compare(result, "scored pair", _scored(dataset, TRAIN), _scored(dataset, HELD_OUT))
    return result


def check(dataset: Dataset, shared_documents: Literal["drop", "keep"] = "drop") -> Leaks:
    """Refuse a data set whose train split shares anything with dev or test.

    Raises:
        GateError: it does. With `shared_documents` "keep", common documents are allowed; common scored pairs never.
    """
    result = leaks(dataset)
    allowed = {"document", "group", "text"} if shared_documents == "keep" else set()
    refused = {sort: count for sort, count in result.found.items() if count and sort not in allowed}
    if refused:
        sort = next(iter(refused))
        shared = ", ".join(f"{count:,} {name}(s)" for name, count in refused.items())
        raise GateError(
            f"The data set leaks: train shares {shared} with dev or test, e.g. {result.examples[sort][0]!r}. Its "
            "scores would be too good to be true. Prepare it from its source with `semtune prepare`, which separates "
            "them, or take the shared rows out of the training file."
        )
    return result


def _compare(result: Leaks, sort: str, train: set[str], held_out: set[str]) -> None:
    common = sorted(train & held_out)
    result.found[sort] = len(common)
    if common:
        result.examples[sort] = [text[:160] for text in common[:EXAMPLES]]


def _judged(dataset: Dataset, splits: Iterable[Split]) -> set[str]:
    """Ids of the documents that answer a question of these splits."""
    rows = [row for split in splits for row in dataset.qrels.get(split, {}).values()]
    return {document for row in rows for document, grade in row.items() if grade > 0}


def _texts(dataset: Dataset, splits: Sequence[Split], content: dict[str, str]) -> set[str]:
    texts = {
        key(text) for split in splits for pair in dataset.pairs.get(split, []) for text in (pair.anchor, pair.positive)
    }
    asked = [query for split in splits for query in dataset.qrels.get(split, {})]
    texts |= {key(dataset.queries[query].text) for query in asked if query in dataset.queries}
    return texts | {key(content[document]) for document in _judged(dataset, splits) if document in content}


def _scored(dataset: Dataset, splits: Iterable[Split]) -> set[str]:
    rows = [row for split in splits for row in dataset.scored.get(split, [])]
    return {pair_key(row.sentence1, row.sentence2) for row in rows}


def pair_key(sentence1: str, sentence2: str) -> str:
    """The same for (a, b) and (b, a)."""
    return " ⇔ ".join(sorted((key(sentence1), key(sentence2))))
