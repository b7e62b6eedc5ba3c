"""The texts of one column of a table, a text a row, to be embedded."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from semtune.errors import InputError
from semtune.prepare.drop_log import BadRows, Tally
from semtune.prepare.readers.tables.cell_values import cell_paragraphs
from semtune.prepare.readers.tables.column_roles import find_roles
from semtune.prepare.readers.tables.delimited import Row
from semtune.prepare.readers.tables.table_reader import SAMPLE_ROWS, check_column, open_table

ONE_TEXT = ("documents", "classes")


@dataclass(frozen=True, slots=True)
class ColumnTexts:
    """The texts of a column.

    Attributes:
        column: its name.
        texts: one for each row of the table, in its order.
    """

    column: str
    texts: list[str]

    @property
    def empty(self) -> int:
        """Number of rows without a text; theirs is empty."""
        return self.texts.count("")


def column_texts(path: Path, column: str = "") -> ColumnTexts:
    """Read a column; if none is named, the one that is known to hold the text.

    Raises:
        InputError: the column is missing or unclear, or a row cannot be read: texts would not belong to their rows.
    """
    bad = BadRows(path.name, Tally())
    opened = open_table(path, {}, bad)
    sample = list(islice(opened.rows, SAMPLE_ROWS))
    if column:
        check_column(path, column, opened.columns)
    chosen = column or text_column(path, opened.columns, [row for _, row in sample])
    texts = [cell_paragraphs(row.get(chosen), bad.tally, old=opened.old) for _, row in chain(sample, opened.rows)]
    if bad.bad:
        raise InputError(
            f"{path}: {bad.bad:,} of {bad.seen:,} rows cannot be read (first: {bad.first}). Every row needs its "
            "vector: mend the file, or remove the rows."
        )
    return ColumnTexts(chosen, texts)


def text_column(path: Path, columns: list[str], sample: list[Row]) -> str:
    """The column with the text: the only one, or the one whose name says so."""
    if len(columns) == 1:
        return columns[0]
    try:
        roles = find_roles(columns, {}, path, sample)
    except InputError:
        roles = None
    if roles is None or roles.kind not in ONE_TEXT:
        raise InputError(
            f"{path} has {len(columns)} columns, and it is unclear which of them to embed: {', '.join(columns)}. Name "
            f"it, e.g. --column {columns[0]}."
        )
    return roles.columns["text"]
