"""Rows of question and answers become labels: documents, queries and relevance judgements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from semtune.prepare.drop_log import Tally
from semtune.prepare.records import Labels, PairRow, Part
from semtune.text import short_id
from semtune.types import Document, Query


def labels_from_rows(parts: Mapping[Part, list[PairRow]], tally: Tally, further: Iterable[Document] = ()) -> Labels:
    """Distinct texts become documents and distinct anchors queries; negatives are added to the corpus as distractors.

    Duplicate pairs are counted and left out. `further` documents, that no question asks for, are distractors too.
    """
    documents: dict[str, Document] = {}
    labels = Labels([], {}, {})
    negatives: dict[str, dict[str, None]] = {}
    for part, rows in parts.items():
        qrels = labels.qrels.setdefault(part, {})
        for row in rows:
            query = short_id("q", row.anchor)
            labels.queries.setdefault(query, Query(query, row.anchor))
            answers = qrels.setdefault(query, {})
            for positive in row.positives:
                if (document := _add(documents, positive)) in answers:
                    tally.drop("duplicate pair", f"{row.anchor} | {positive.content}")
                answers[document] = 1
            for text in row.negatives:
                _add(documents, Document("", text))
                negatives.setdefault(query, {})[text] = None
            if row.group:
                labels.groups.setdefault(query, row.group)
    for document in further:
        _add(documents, document)
    labels.corpus = list(documents.values())
    labels.negatives = {query: tuple(texts) for query, texts in negatives.items()}
    return labels


def _add(documents: dict[str, Document], document: Document) -> str:
    id_ = short_id("d", document.content)
    documents.setdefault(id_, Document(id_, document.text, document.title, document.metadata))
    return id_
