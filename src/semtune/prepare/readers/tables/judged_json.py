"""One JSON object with queries, corpus and relevant_docs by id (LlamaIndex, evaluators of retrieval) to rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from semtune.prepare.drop_log import BadRows, Tally
from semtune.prepare.readers.tables.cell_values import cell_documents
from semtune.types import Document

JUDGED = ("queries", "corpus")
RELEVANT = ("relevant_docs", "qrels", "relevance")


def is_judged(value: Any) -> bool:
    """Whether a value has questions, documents and what belongs together, each by id."""
    return (
        isinstance(value, dict)
        and all(isinstance(value.get(name), dict) for name in JUDGED)
        and isinstance(_relevant(value), dict)
    )


def judged_rows(value: Mapping[str, Any], bad: BadRows) -> Iterator[tuple[int, dict[str, Any]]]:
    """One row a question: its documents, and those judged as not relevant as negatives."""
    corpus, relevant = value["corpus"], _relevant(value)
    for number, (id_, text) in enumerate(value["queries"].items(), start=1):
        grades = _grades(relevant.get(id_))
        for document in [document for document in grades if document not in corpus]:
            bad.tally.drop("judgement of a document that is not in the corpus", f"{bad.where}: {id_} → {document}")
            del grades[document]
        positives = [corpus[document] for document, grade in grades.items() if grade > 0]
        if not positives:
            bad.tally.drop("question without a document that answers it", f"{bad.where}: {id_}: {text}")
            continue
        bad.row()
        negatives = [corpus[document] for document, grade in grades.items() if grade <= 0]
        yield number, {"anchor": text, "positive": positives, "negative": negatives}
    for id_ in relevant:
        if id_ not in value["queries"]:
            bad.tally.drop("judgement of a question that is not among the queries", f"{bad.where}: {id_}")


def unasked(value: Mapping[str, Any], tally: Tally, *, old: bool = False) -> list[Document]:
    """The documents that no question asks for: they stay in the corpus; `old`: the file is in an old encoding."""
    asked = {
        document for id_, judged in _relevant(value).items() if id_ in value["queries"] for document in _grades(judged)
    }
    return [
        document
        for id_, text in value["corpus"].items()
        if id_ not in asked
        for document in cell_documents(text, "", tally, old=old)
    ]


def _relevant(value: Mapping[str, Any]) -> Any:
    return next((value[name] for name in RELEVANT if name in value), None)


def _grades(judged: Any) -> dict[str, float]:
    """Document id → grade: a list of ids means grade 1."""
    if isinstance(judged, dict):
        return {str(id_): float(grade) for id_, grade in judged.items() if isinstance(grade, int | float)}
    ids = judged if isinstance(judged, list) else [] if judged is None else [judged]
    return {str(id_): 1.0 for id_ in ids if isinstance(id_, str | int)}
