"""Records that readers pass to builders: sections of documents, labelled questions, or scored pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar

from semtune.types import Document, LabelledPair, Qrels, Query, ScoredPair, Split

Part: TypeAlias = Split | Literal["all"]
"""A split that the source comes with, or "all" if it has none."""


@dataclass(frozen=True, slots=True)
class Section:
    """The part of a document under one heading.

    Attributes:
        id: unique within the source.
        group: what must stay in one split, e.g. the document or the module.
        source: where it was read from, for people.
        path: headings from the document's title down to this section's own; empty if there are none.
        text: the section's own text, without the headings and without the summary.
        summary: a sentence that says what the text explains; it becomes the question.
        name: a title that does not give the question away (a function's name), so it may stay with the passage.
        start: start in the document's text, see `semtune.prepare.passages.spans`; None: the document has no such text.
        origin: the section's text as its reader made it, which begins at `start`; `text` may be a part of it.
        metadata: what else the source says of the document, for people and filters.
    """

    id: str
    group: str
    source: str
    path: tuple[str, ...]
    text: str
    summary: str = ""
    name: str = ""
    start: int | None = None
    origin: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PairRow:
    """A labelled row of a table: a question, texts that answer it, and texts that do not."""

    number: int
    anchor: str
    positives: tuple[Document, ...]
    negatives: tuple[str, ...] = ()
    group: str = ""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text and the name of its class."""

    number: int
    text: str
    label: str


@dataclass(slots=True)
class ClassRows:
    """Texts with classes, by the split that the source put them in."""

    parts: dict[Part, list[Labelled]]


@dataclass(slots=True)
class Rows:
    """The content of a table; `kind` says which of the lists is filled."""

    kind: Literal["documents", "pairs", "scored", "labelled", "classes"]
    columns: list[str]
    roles: dict[str, str]
    sections: list[Section] = field(default_factory=list)
    pairs: list[PairRow] = field(default_factory=list)
    scored: list[ScoredPair] = field(default_factory=list)
    labelled: list[LabelledPair] = field(default_factory=list)
    classes: list[Labelled] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)  # that no pair asks for


@dataclass(slots=True)
class Labels:
    """Questions with labelled documents, by the split that the source put them in."""

    corpus: list[Document]
    queries: dict[str, Query]
    qrels: dict[Part, Qrels]
    negatives: dict[str, tuple[str, ...]] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)  # query id → group named by the source


T = TypeVar("T")


def held_out(parts: Mapping[Part, T]) -> dict[Split, T]:
    """The dev and test parts that the source comes with."""
    splits: tuple[Split, ...] = ("dev", "test")
    return {split: parts[split] for split in splits if split in parts}
