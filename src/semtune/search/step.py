"""The search step of a run: answers its questions with the tuned model's index and with the base model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.io import write_json
from semtune.progress import Progress
from semtune.search.settings import SearchSettings
from semtune.types import Document, Hit

if TYPE_CHECKING:
    from semtune.dataset import Dataset
    from semtune.encoders.vector_store import VectorStore
    from semtune.protocols import Encoder

LIBRARIES = ("onnxruntime", "tokenizers")
ANSWERS = "answers.json"


@dataclass(frozen=True, slots=True)
class SearchInputs:
    """What search needs.

    Attributes:
        index: the index folder.
        settings: of the step.
        data: loads the data set whose corpus the base was evaluated on.
        base: opens the base as evaluate did; returns None if it is gone.
        store: the vectors that evaluate computed.
    """

    index: Path
    settings: SearchSettings
    data: Callable[[], Dataset]
    base: Callable[[], Encoder | None]
    store: VectorStore


@dataclass(frozen=True, slots=True)
class Answered:
    """Questions with the answers of both models."""

    answers: list[dict[str, Any]] = field(default_factory=list)
    external: Sequence[str] = ()

    def facts(self) -> dict[str, Any]:
        """The answers."""
        return {"answers": self.answers}


def key(inputs: SearchInputs) -> dict[str, Any]:
    """What the answers depend on besides the index and the models."""
    return inputs.settings.as_dict()


def run(inputs: SearchInputs, out: Path, progress: Progress) -> Answered:
    """Search for the questions and write `answers.json` into the folder `out`."""
    from semtune.search.searcher import Searcher, SearchOptions

    questions, k = list(inputs.settings.questions), inputs.settings.k
    searcher = Searcher.open(inputs.index)
    tuned = [answer.hits for answer in searcher.answer_many(questions, SearchOptions(k))]
    searcher.close()
    base = base_answers(inputs, questions, k, progress)
    answers = [
        {"question": question, "tuned": [hit.as_dict() for hit in mine], "base": [hit.as_dict() for hit in theirs]}
        for question, mine, theirs in zip(questions, tuned, base, strict=True)
    ]
    write_json(out / ANSWERS, answers)
    return Answered(answers)


def base_answers(inputs: SearchInputs, questions: Sequence[str], k: int, progress: Progress) -> list[list[Hit]]:
    """The base model's answers from the vectors that evaluate stored; no answers if some are missing.

    It does not embed a whole corpus for a few questions.
    """
    from semtune.index.exact import ExactIndex

    data, encoder = inputs.data(), inputs.base()
    texts = [document.content for document in data.corpus]
    vectors = inputs.store.find_all(encoder, "document", texts) if encoder else None
    if vectors is None or encoder is None:
        progress.say("no answers from the base model: the vectors of evaluate were not stored (store_mb)")
        return [[] for _ in questions]
    shown = {document.id: document for document in data.to_index}
    found = ExactIndex(vectors).search(encoder.encode(questions, "query").vectors, min(k, len(data.corpus)))
    return [
        [
            _hit(shown.get(data.corpus[row].id) or data.corpus[row], score)
            for row, score in zip(rows, scores, strict=True)
        ]
        for rows, scores in zip(found.rows.tolist(), found.scores.tolist(), strict=True)
    ]


def _hit(document: Document, score: float) -> Hit:
    return Hit(document.id, score, document.text, document.title, document.metadata)
