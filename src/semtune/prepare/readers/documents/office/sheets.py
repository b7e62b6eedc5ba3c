"""Workbooks (.xlsx, .xls, .xlsb, .ods) by calamine: a section a sheet, a line a row."""

from __future__ import annotations

import io

from semtune.errors import InputError
from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.outline_types import Outline
from semtune.prepare.readers.documents.outliner import Outliner
from semtune.prepare.readers.files.zip_parts import open_parts
from semtune.registry import need
from semtune.text import one_line


def read_workbook(data: bytes, name: str, tally: Tally | None = None) -> Outline:  # noqa: ARG001 - as every reader
    """The sheets of a workbook.

    Raises:
        InputError: it cannot be read.
    """
    need("python_calamine")
    from python_calamine import CalamineError, CalamineWorkbook

    if data.startswith(b"PK"):
        with open_parts(data, name, "a workbook") as parts:
            parts.check()
    out = Outliner()
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
        for sheet in workbook.sheet_names:
            out.heading(1, sheet)
            for row in workbook.get_sheet_by_name(sheet).iter_rows():
                out.line(" | ".join(filter(None, map(_cell, row))))
    except (CalamineError, ValueError, OSError):
        raise InputError(f"{name} cannot be read as a workbook (broken or encrypted).") from None
    return out.close()


def _cell(value: object) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return one_line(str(int(value) if whole else value))  # type: ignore[call-overload]
