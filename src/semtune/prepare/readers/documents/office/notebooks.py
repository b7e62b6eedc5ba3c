"""Jupyter notebooks (.ipynb): the Markdown cells as Markdown, the code cells as code; what they printed is left out."""

from __future__ import annotations

import json
from typing import Any

from semtune.errors import InputError
from semtune.prepare.readers.documents.markdown import read_markdown
from semtune.prepare.readers.documents.outline_types import Outline


def read_notebook(text: str) -> Outline:
    """The cells of a notebook as one document.

    Raises:
        InputError: it is not a notebook.
    """
    try:
        notebook = json.loads(text)
        language = notebook.get("metadata", {}).get("kernelspec", {}).get("language", "")
        cells = notebook.get("cells") or [cell for sheet in notebook["worksheets"] for cell in sheet["cells"]]
        return read_markdown("\n\n".join(_cell(cell, language) for cell in cells))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError("Not a notebook: it must be JSON with a list of cells.") from None


def _cell(cell: dict[str, Any], language: str) -> str:
    source = cell.get("source", cell.get("input", ""))
    text = "".join(source) if isinstance(source, list) else str(source)
    if cell.get("cell_type") != "code":
        return text
    return f"~~~~~{language}\n{text}\n~~~~~" if text.strip() else ""
