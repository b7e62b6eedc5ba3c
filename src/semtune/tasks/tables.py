"""The tables that users give beside a file of texts: examples, labelled pairs, events."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from semtune.errors import InputError
from semtune.prepare.drop_log import BadRows, Tally
from semtune.prepare.readers.tables.table_reader import OpenTable, is_table, open_table


@dataclass(frozen=True, slots=True)
class GivenTable:
    """An open table, and what counts its rows that are left out."""

    opened: OpenTable
    bad: BadRows
    tally: Tally


def open_given(path: Path, option: str, needed: str) -> GivenTable:
    """Open the table that an option names.

    Args:
        path: of it.
        option: for messages: "--examples".
        needed: its columns, in words that go on after "Give CSV, TSV, JSON lines or Parquet with".

    Raises:
        InputError: there is no such file, or it is not a table.
    """
    if not path.is_file():
        raise InputError(f"{option} {path.resolve()} does not exist or is not a file.")
    if not is_table(path):
        raise InputError(f"{option} {path} is not a table. Give CSV, TSV, JSON lines or Parquet with {needed}.")
    tally = Tally()
    bad = BadRows(path.name, tally)
    return GivenTable(open_table(path, {}, bad), bad, tally)
