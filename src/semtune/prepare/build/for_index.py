"""The documents of a source for an index. No questions or training pairs are needed, and nothing is filtered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.prepare.build.from_sentence_pairs import distinct_sentences
from semtune.prepare.drop_log import Tally, by_reason
from semtune.prepare.passages.chunk import TokenCounter
from semtune.prepare.passages.for_index import documents_of
from semtune.prepare.readers.read_source import open_tables, read_source
from semtune.prepare.readers.source_kind import find_kind
from semtune.prepare.readers.tables.labels_from_rows import labels_from_rows
from semtune.prepare.records import ClassRows, Labelled, Labels, Rows, Section
from semtune.prepare.settings import PrepareSettings
from semtune.progress import QUIET, Progress
from semtune.types import Document


@dataclass(frozen=True, slots=True)
class SourceDocuments:
    """The documents of a source.

    Attributes:
        documents: all of them, cut into passages.
        left_out: reason → number of things that could not be read.
        warnings: the gravest first.
    """

    documents: Sequence[Document]
    left_out: Mapping[str, int] = field(default_factory=dict)
    warnings: Sequence[str] = ()


def documents_for_index(
    path: Path,
    tokenizer: TokenCounter,
    limit: int,
    settings: PrepareSettings,
    progress: Progress = QUIET,
) -> SourceDocuments:
    """Read every document of a folder, archive, text file or table, cut into passages of at most `limit` tokens.

    Columns of a table that have no role become metadata. Of pairs, the texts that answer are the documents; of scored
    or labelled pairs, every distinct sentence.

    Raises:
        InputError: the source cannot be read, or it has no document.
    """
    tally = Tally()
    kind = find_kind(str(path))
    if kind == "table":
        (table,) = open_tables({"all": [path]}, settings, tally)["all"]
        documents = _of_table(table, tokenizer, limit, settings, tally, progress)
    else:
        found = read_source(str(path), kind, settings, tally, progress)
        documents = _of_source(found, tokenizer, limit, settings, progress)
    if not documents:
        raise InputError(f"{path} has no document to index ({', '.join(tally.dropped) or 'it is empty'}).")
    return SourceDocuments(documents, by_reason(tally.dropped), tuple(tally.warnings))


def _of_source(
    found: Dataset | Labels | list[Section] | ClassRows | Mapping,
    tokenizer: TokenCounter,
    limit: int,
    settings: PrepareSettings,
    progress: Progress,
) -> Sequence[Document]:
    if isinstance(found, Dataset):
        return found.to_index
    if isinstance(found, Labels):
        return found.corpus
    if isinstance(found, list):
        return documents_of(found, tokenizer, limit, settings, progress)
    if isinstance(found, ClassRows):
        return [_labelled(row, f"{part}:") for part, rows in found.parts.items() for row in rows]
    return distinct_sentences(row for rows in found.values() for row in rows)


def _of_table(
    table: Rows, tokenizer: TokenCounter, limit: int, settings: PrepareSettings, tally: Tally, progress: Progress
) -> Sequence[Document]:
    if table.kind == "documents":
        return documents_of(table.sections, tokenizer, limit, settings, progress)
    if table.kind == "classes":
        return [_labelled(row) for row in table.classes]
    if table.kind == "pairs":
        return labels_from_rows({"all": table.pairs}, tally, table.documents).corpus
    return distinct_sentences([*table.scored, *table.labelled])


def _labelled(row: Labelled, part: str = "") -> Document:
    return Document(f"{part}{row.number}", row.text, metadata={"label": row.label})
