"""A table to documents, questions with answers, scored pairs, labelled pairs, or texts with a class."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from semtune.prepare.drop_log import BadRows, Tally
from semtune.prepare.readers.files.garbled import notice_garbled
from semtune.prepare.readers.tables.column_roles import INSTRUCTION, Roles, find_roles
from semtune.prepare.readers.tables.delimited import is_number
from semtune.prepare.readers.tables.table_reader import SAMPLE_ROWS, open_table
from semtune.prepare.readers.tables.table_rows import TableRows
from semtune.prepare.records import Rows
from semtune.prepare.settings import PrepareSettings
from semtune.types import ScoredPair

STSB_MAX = 5.0
GLANCE = 10_000  # texts of a table that are looked at for garbled ones, evenly spread


def read_table(path: Path, settings: PrepareSettings, tally: Tally) -> Rows:
    """Read a whole table.

    Scores stay as they are in the file: `scale_scores` scales them to 0-1 when all files have been read.

    Raises:
        InputError: it is missing or empty, has unclear columns, or has more bad rows than allowed.
    """
    bad = BadRows(path.name, tally)
    opened = open_table(path, settings.roles, bad)
    sample = list(islice(opened.rows, SAMPLE_ROWS))
    roles = find_roles(opened.columns, settings.roles, path, [row for _, row in sample])
    table = TableRows(path, opened, roles, bad, labels=settings.pair_labels == "labels")
    for number, row in chain(sample, opened.rows):
        table.add(number, row)
    tally.count("rows", bad.seen)
    table.settle()
    bad.check(settings.max_bad_share)
    if INSTRUCTION in opened.columns and INSTRUCTION not in roles.columns.values():
        told = [row[INSTRUCTION] for _, row in sample if row.get(INSTRUCTION)]
        if told:
            tally.warn(
                f"{path.name}: the column 'prompt' holds instructions for a model ({told[0]!r}); it is not used."
            )
    result = table.close()
    texts = _texts(result)
    notice_garbled(texts[:: 1 + len(texts) // GLANCE], path.name, tally)
    return result


def _texts(rows: Rows) -> list[str]:
    """The texts of a table: documents, answers, both sides of pairs, and texts with a class; no questions."""
    return [
        *(section.text for section in rows.sections),
        *(document.content for row in rows.pairs for document in row.positives),
        *(pair.sentence1 for pair in (*rows.scored, *rows.labelled)),
        *(pair.sentence2 for pair in (*rows.scored, *rows.labelled)),
        *(row.text for row in rows.classes),
        *(document.content for document in rows.documents),
    ]


@dataclass(frozen=True, slots=True)
class Sample:
    """What the beginning of a table shows.

    Attributes:
        columns: their names.
        roles: what they are.
        header: whether a header row names them.
        shape: the format in words, if the suffix does not say it.
        binary: what its scores are, if they are all 0 or 1 or words; else empty.
    """

    columns: list[str]
    roles: Roles
    header: bool
    shape: str
    binary: str


def sample_table(path: Path, settings: PrepareSettings, limit: int = 1 << 16) -> Sample:
    """Look at the beginning of a table; if the format allows it, only `limit` bytes are read."""
    opened = open_table(path, settings.roles, BadRows(path.name, Tally()), limit)
    rows = [row for _, row in islice(opened.rows, SAMPLE_ROWS)]
    roles = find_roles(opened.columns, settings.roles, path, rows)
    scores = {str(row.get(roles.columns["score"])) for row in rows} if roles.kind == "scored" else set()
    binary = "0 or 1" if scores <= {"0", "1", "0.0", "1.0", "True", "False"} else ""
    if not any(map(is_number, scores)):
        binary = binary or "a word"
    binary = binary if scores else ""
    return Sample(opened.columns, roles, opened.header, opened.shape, binary)


def scale_scores(
    tables: list[list[ScoredPair]], where: str, tally: Tally, max_bad_share: float
) -> list[list[ScoredPair]]:
    """Scale scores to 0-1: they are divided by 5 (STS-B's scale) if any file has a score above 1.

    Scores outside 0-5 are refused row by row and counted.
    """
    scores = [row.score for table in tables for row in table if 0 <= row.score <= STSB_MAX]
    scale = STSB_MAX if scores and max(scores) > 1 else 1.0
    scaled: list[list[ScoredPair]] = []
    bad = BadRows(where, tally)
    for table in tables:
        kept: list[ScoredPair] = []
        for number, row in enumerate(table, start=1):
            bad.row()
            if 0 <= row.score <= STSB_MAX:
                kept.append(ScoredPair(row.sentence1, row.sentence2, row.score / scale))
            else:
                bad.refuse(number, "score outside 0 to 5", row.score)
        scaled.append(kept)
    bad.check(max_bad_share)
    return scaled
