"""The yield of a source: how many questions its documents gave, by source, and why others gave none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from semtune.dataset import Dataset
from semtune.prepare.drop_log import Tally, by_reason
from semtune.prepare.passages.from_sections import Passage
from semtune.prepare.questions.supervision import by_source
from semtune.text import key

LOST = ("question", "section", "passage", "definition", "faq", "link")  # how reasons begin that cost a question


def per_document(passages: Sequence[Passage]) -> float:
    """Distinct questions a document."""
    documents = {passage.group for passage in passages}
    asked = {key(passage.anchor) for passage in passages if passage.anchor}
    return len(asked) / len(documents) if documents else 0.0


def question_yield(dataset: Dataset, documents: int, further: Sequence[str], tally: Tally) -> dict[str, Any]:
    """Questions a document, by source and by why not, for the report.

    Args:
        dataset: with its questions.
        documents: how many documents the source has.
        further: the further sources that came in.
        tally: says what was left out.
    """
    by_kind = {source: sum(splits.values()) for source, splits in by_source(dataset).items()}
    lost = {reason: count for reason, count in by_reason(tally.dropped).items() if reason.startswith(LOST)}
    return {
        "documents": documents,
        "questions": (questions := sum(by_kind.values())),
        "per document": _rate(questions, documents),
        "by source": {source: _rate(count, documents) for source, count in by_kind.items()},
        "why not": {reason: _rate(count, documents) for reason, count in lost.items()},
        "further sources": list(further),
    }


def _rate(count: int, documents: int) -> float:
    return round(count / documents, 3) if documents else 0.0
