"""The nouns that the steps exchange.

Ids are always strings. Scores are similarities: bigger is better, whatever the back-end counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Embeddings: TypeAlias = NDArray[np.float32]  # (n, dim)
TokenIds: TypeAlias = list[int]
Role: TypeAlias = Literal["query", "document"]
Truncate: TypeAlias = Literal["cut", "error", "window"]
"""What becomes of a text that is longer than the model reads: its end is lost, it is refused, or read in windows."""
ROLES: tuple[Role, ...] = ("query", "document")
ROLES: tuple[Role, ...] = ("query", "document")
TRUNCATE: tuple[Truncate, ...] = ("cut", "error", "window")
Split: TypeAlias = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")
Task: TypeAlias = Literal[
    "retrieval",
    "similarity",
    "classification",
    "pairs",
    "triplets",
    "clustering",
    "zero-shot",
    "few-shot",
    "cross-language",
    "mining",
]
"""What a model is judged by; `semtune.evaluate.result.KINDS` says more of each."""

Qrels: TypeAlias = dict[str, dict[str, int]]
"""query id → document id → graded relevance; 0 means judged and not relevant."""

Run: TypeAlias = dict[str, dict[str, float]]
"""query id → document id → score, the result of a retrieval system (TREC's word)."""


@dataclass(frozen=True, slots=True)
class Document:
    """A passage of the corpus: what is embedded, indexed and returned."""

    id: str
    text: str
    title: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def content(self) -> str:
        """Title and text as one string: what an encoder reads (BEIR's convention)."""
        return f"{self.title} {self.text}".strip() if self.title else self.text


@dataclass(frozen=True, slots=True)
class Query:
    """A question that is asked of the corpus."""

    id: str
    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pair:
    """An anchor and a text that belongs to it, with texts that do not, if any are known."""

    anchor: str
    positive: str
    negatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScoredPair:
    """Two sentences and how similar people judged them, from 0 (unrelated) to 1 (same meaning)."""

    sentence1: str
    sentence2: str
    score: float


@dataclass(frozen=True, slots=True)
class LabelledPair:
    """Two sentences and the class of their relation: "1" and "0" for same and different, or inference's three."""

    sentence1: str
    sentence2: str
    label: str


SentencePair: TypeAlias = ScoredPair | LabelledPair


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text and its class."""

    text: str
    label: str


@dataclass(frozen=True, slots=True)
class Parallel:
    """Texts in one language, and what says the same or answers them in another.

    Attributes:
        source, target: the two languages.
        ids: (n,) of the texts; equal ids in several languages are one item.
        texts: (n,) what is asked, in the source language.
        candidates: what is searched, in the target language.
        answers: (n,) positions in `candidates` that are right.
        aligned: candidate i is the translation of text i, so that it can be asked the other way round, too.
    """

    source: str
    target: str
    ids: tuple[str, ...]
    texts: tuple[str, ...]
    candidates: tuple[str, ...]
    answers: tuple[tuple[int, ...], ...]
    aligned: bool


@dataclass(frozen=True, slots=True)
class Suspect:
    """A passage that was refused as a question's negative since it may answer it; a person says whether it does.

    Attributes:
        id: made from the question and the document.
        query, document_id, text: the question, and the passage by id and content.
        score, positive_score: similarity of the question to the passage, and to the labelled answer.
        positive: the labelled answer, to compare with.
        guard: what refused it: "margin", "absolute margin" or "judge".
        label: of a reviewer: "" not reviewed, "relevant", or "negative".
    """

    id: str
    query: str
    document_id: str
    text: str
    score: float
    positive_score: float
    positive: str
    guard: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer of a search.

    Attributes:
        score: the similarity of its vector to the query's; of a search by words alone its BM25 score. Bigger is better.
        probability: of relevance, where the model is calibrated; None elsewhere.
        highlight: start and end in `text` of the sentence that answers, where it was asked for.
        source_highlight: the same in the text of the source file, where it is known.
        others: number of further hits of the same document, where hits were grouped.
        explain: how it was found, where that was asked for.
    """

    id: str
    score: float
    text: str
    title: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    probability: float | None = None
    highlight: tuple[int, int] | None = None
    source_highlight: tuple[int, int] | None = None
    others: int = 0
    explain: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """The JSON form used by the command line and the server, without what is not known or was not asked for."""
        known = {} if self.probability is None else {"probability": self.probability}
        return {
            "id": self.id,
            "score": self.score,
            **known,
            "text": self.text,
            "title": self.title,
            "metadata": dict(self.metadata),
            **self._asked_for(),
        }

    def _asked_for(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.highlight is not None:
            found["highlight"] = list(self.highlight)
        if self.source_highlight is not None:
            found["source_highlight"] = list(self.source_highlight)
        if self.others:
            found["others"] = self.others
        if self.explain is not None:
            found["explain"] = dict(self.explain)
        return found


@dataclass(frozen=True, slots=True)
class Answer:
    """The hits of one query, and what the user should know of it.

    Attributes:
        cut_tokens: tokens of the query that the model did not read.
        warnings: sentences; empty if all is well.
    """

    hits: list[Hit]
    cut_tokens: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Encoded:
    """What an encoder returns.

    Attributes:
        vectors: (n, dim).
        tokens: number of tokens read, over all texts.
        truncated: number of texts cut at the length limit.
        lengths: (n,) tokens read of each text; None if the encoder does not say.
        cut: (n,) whether each text was truncated; None if the encoder does not say.
        beyond: (n,) tokens of each text that were not read because of the limit; None if the encoder does not say.
    """

    vectors: Embeddings
    tokens: int
    truncated: int
    lengths: NDArray[np.int32] | None = None
    cut: NDArray[np.bool_] | None = None
    beyond: NDArray[np.int32] | None = None

    @property
    def cut_tokens(self) -> int:
        """Number of tokens that were not read because of the limit, over all texts."""
        return 0 if self.beyond is None else int(self.beyond.sum())


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The k nearest rows for each of n query vectors; row -1 where fewer than k exist."""

    rows: NDArray[np.int64]  # (n, k)
    scores: NDArray[np.float32]  # (n, k)
