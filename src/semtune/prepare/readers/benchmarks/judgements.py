"""Relevance judgements joined with their texts into labels; what does not match is counted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from semtune.errors import InputError
from semtune.prepare.drop_log import BadRows, Tally
from semtune.prepare.readers.tables.delimited import Row, is_number, load_text
from semtune.prepare.records import Labels, Part
from semtune.types import Document, Qrels, Query

GRADES = range(-10, 101)  # TREC's tracks go from -2 to 4, others to 10 or 100


def read_judgements(path: Path, tally: Tally, max_bad_share: float) -> Qrels:
    """Read qrels: BEIR (3 columns, with or without header) or TREC (4 columns: query, 0, document, grade).

    If a document is judged several times for a query, the last judgement counts, as in BEIR's own loader.

    Raises:
        InputError: the file cannot be read, or too many rows are not judgements.
    """
    qrels: Qrels = {}
    bad = BadRows(path.name, tally)
    for number, line in enumerate(load_text(path, tally=tally).split("\n"), start=1):
        cells = line.rstrip("\r").split("\t") if "\t" in line else line.split()
        if not any(cells) or (number == 1 and not is_number(cells[-1])):
            continue
        bad.row()
        grade = float(cells[-1]) if is_number(cells[-1]) else None
        if len(cells) not in {3, 4} or grade is None or not grade.is_integer():
            bad.refuse(number, "not query-id, corpus-id, score (a whole number)", line.strip())
        elif int(grade) not in GRADES:
            bad.refuse(number, f"score outside {GRADES[0]} to {GRADES[-1]}", line.strip())
        else:
            add_judgement(qrels, cells[0], cells[-2], int(grade), tally, f"{path.name}:{number}: {line.strip()}")
    bad.check(max_bad_share)
    return qrels


def add_judgement(qrels: Qrels, query: str, document: str, grade: int, tally: Tally, where: str) -> None:
    """Add a judgement. One of the same document and query replaces the earlier one, which is counted."""
    row = qrels.setdefault(query, {})
    if (before := row.get(document)) is not None:
        tally.drop("duplicate judgement" if before == grade else "judgement replaced by a later one", where)
    row[document] = grade


def identified(
    rows: Iterable[tuple[int, Row]], id_of: Callable[[Row], Any], seen: set[str], bad: BadRows
) -> Iterator[tuple[str, Row]]:
    """Rows with their ids; rows without an id or with an id in `seen` are refused. New ids are added to `seen`."""
    for number, row in rows:
        value = id_of(row)
        if value is None or value == "":
            bad.refuse(number, "no _id", row)
        elif str(value) in seen:
            bad.refuse(number, "duplicate id", value)
        else:
            seen.add(str(value))
            yield str(value), row


def rest_to_train(qrels: dict[Part, Qrels]) -> None:
    """If there are named splits, judgements without a split go to train."""
    if "all" in qrels and len(qrels) > 1:
        qrels.setdefault("train", {}).update(qrels.pop("all"))


def join_labels(
    folder: Path,
    corpus: list[Document],
    queries: Mapping[str, Query],
    qrels: Mapping[Part, Qrels],
    tally: Tally,
    named: str = "qrels/{}.tsv",
) -> Labels:
    """Keep what matches: judgements of known ids, queries with a judgement, documents with text.

    Args:
        folder: for messages.
        corpus: the documents.
        queries: by id.
        qrels: by split.
        tally: counts what is left out.
        named: the name of a split's judgements in examples.

    Raises:
        InputError: no judgement matches a query and a document.
    """
    known: set[str] = set()
    for document in corpus:
        if document.content.strip():
            known.add(document.id)
        else:
            tally.drop("empty document", document.id)
    asked = {id_: query for id_, query in queries.items() if query.text.strip()}
    kept: dict[Part, Qrels] = {
        part: _known_only(rows, asked.keys(), known, named.format(part), tally) for part, rows in qrels.items()
    }
    if not any(grade > 0 for part in kept.values() for row in part.values() for grade in row.values()):
        if any(part.values() for part in kept.values()):
            raise InputError(
                f"{folder}: no judgement is above 0, so no document is relevant to any query. "
                "Give the documents that answer a query a grade of 1 or more."
            )
        raise InputError(
            f"{folder}: no judgement matches a known query and a known document. Check that the judgements use the "
            "ids of the queries and of the documents."
        )
    judged = {query for part in kept.values() for query in part}
    tally.count("queries without judgement, left out", len(asked.keys() - judged))
    documents = [document for document in corpus if document.id in known]
    return Labels(documents, {id_: query for id_, query in asked.items() if id_ in judged}, kept)


def _known_only(qrels: Qrels, queries: Collection[str], documents: set[str], name: str, tally: Tally) -> Qrels:
    kept: Qrels = {}
    for query, row in qrels.items():
        for document, grade in row.items():
            if query not in queries:
                tally.drop("judgement of an unknown query", f"{name}: {query} {document}")
            elif document not in documents:
                tally.drop("judgement of an unknown document", f"{name}: {query} {document}")
            else:
                kept.setdefault(query, {})[document] = grade
    return kept
