"""Which questions in a language model's answer are kept: well formed, not copied, and answered by their passage."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from semtune.prepare.drop_log import Tally
from semtune.prepare.questions.chat_client import Answer
from semtune.prepare.questions.uninformative import uninformative_reason
from semtune.progress import QUIET, Progress
from semtune.protocols import Encoder
from semtune.text import contains, key, one_line, word_count
from semtune.types import Document, Embeddings

MIN_WORDS, MAX_WORDS = 3, 40  # of a question
BLOCK = 256  # questions searched at a time
QuestionOfPassage: TypeAlias = tuple[str, Document]
_POINTS_AT_PASSAGE = re.compile(
    r"\b(?:the|this|given|above)\s+(?:passage|text|document|excerpt|paragraph|snippet)\b", re.IGNORECASE
)


def read_answer(answer: Answer, passage: Document, limit: int, tally: Tally) -> list[str]:
    """The usable questions in an answer; the others are counted with the reason."""
    if answer.error:
        tally.drop("synthetic: no answer from the server", f"{passage.id}: {answer.error}")
        return []
    listed = _json_list(answer.text)
    if listed is None:
        tally.drop("synthetic: answer is not a JSON list of questions", f"{passage.id}: {answer.text}")
        return []
    kept: dict[str, str] = {}
    for entry in listed:
        question = one_line(entry) if isinstance(entry, str) else ""
        if reason := _fault(question, passage):
            tally.drop(f"synthetic: question {reason}", question or repr(entry))
        else:
            kept.setdefault(key(question), question)
    return list(kept.values())[:limit]


def consistent(
    found: Sequence[QuestionOfPassage],
    corpus: Sequence[Document],
    encoder: Encoder,
    k: int,
    tally: Tally,
    progress: Progress = QUIET,
) -> list[QuestionOfPassage]:
    """The questions whose own passage is among the first k that the encoder finds in the whole corpus."""
    if not found:
        return []
    documents = encoder.encode([document.content for document in corpus], "document", progress).vectors
    questions = encoder.encode([question for question, _ in found], "query", progress).vectors
    rows = {document.id: row for row, document in enumerate(corpus)}
    ranks = _ranks(questions, documents, [rows[passage.id] for _, passage in found])
    kept: list[QuestionOfPassage] = []
    for (question, passage), rank in zip(found, ranks, strict=True):
        if rank <= k:
            kept.append((question, passage))
        else:
            tally.drop(f"synthetic: passage not among the first {k} found", f"{question} → {passage.id} (rank {rank})")
    return kept


def _ranks(questions: Embeddings, documents: Embeddings, rows: Sequence[int]) -> list[int]:
    """The rank, from 1, of each question's own document; ties count against it."""
    ranks: list[int] = []
    for start in range(0, len(questions), BLOCK):
        scores = questions[start : start + BLOCK] @ documents.T  # (block, documents)
        own = scores[np.arange(len(scores)), rows[start : start + BLOCK]]
        ranks += (scores >= own[:, None]).sum(axis=1).tolist()
    return ranks


def _json_list(text: str) -> list[Any] | None:
    start, end = text.find("["), text.rfind("]")
    try:
        found = json.loads(text[start : end + 1]) if 0 <= start < end else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) and found else None


def _fault(question: str, passage: Document) -> str:
    if not MIN_WORDS <= word_count(question) <= MAX_WORDS:
        return f"not {MIN_WORDS} to {MAX_WORDS} words"
    if _POINTS_AT_PASSAGE.search(question):
        return "refers to its passage"
    if contains(passage.content, question):
        return "is copied from its passage"
    return uninformative_reason(question, passage.content)
