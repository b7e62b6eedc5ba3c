"""The documents of an index: a JSON-lines file and the byte offset of each line."""

from __future__ import annotations

import json
import mmap
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from semtune.dataset import write_documents
from semtune.errors import InputError
from semtune.types import Document

LINES, OFFSETS = "documents.jsonl", "documents.offsets.npy"


def write_store(documents: Sequence[Document], folder: Path) -> None:
    """Write the documents in row order, then the offsets of their lines."""
    write_documents(folder / LINES, documents)
    offsets = [0]
    with (folder / LINES).open("rb") as lines:
        offsets.extend(lines.tell() for _ in iter(lines.readline, b""))
    np.save(folder / OFFSETS, np.asarray(offsets, dtype=np.int64))


class DocumentStore:
    """Random access to documents by row; they are read from disk on demand.

    Safe to read from many threads. The files stay open, so rebuilding the index in the same place does not change the
    answers of this one.
    """

    def __init__(self, folder: Path) -> None:
        """Open the store of an index folder.

        Raises:
            InputError: its files are missing or damaged.
        """
        try:
            self._offsets = np.load(folder / OFFSETS, mmap_mode="r")
            with (folder / LINES).open("rb") as lines:
                self._lines = mmap.mmap(lines.fileno(), 0, access=mmap.ACCESS_READ)
            whole = self._offsets.ndim == 1 and len(self._lines) == self._offsets[-1]
        except (OSError, ValueError, EOFError, IndexError):
            whole = False
        if not whole:
            raise InputError(
                f"{folder} is incomplete: its documents are missing or damaged. Build it again with `semtune index`."
            )

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def get(self, rows: Sequence[int]) -> list[Document]:
        """The documents of these rows, in this order.

        Raises:
            InputError: a line is damaged.
        """
        return [self._one(row) for row in rows]

    def _one(self, row: int) -> Document:
        line = self._lines[self._offsets[row] : self._offsets[row + 1]]
        try:
            made = json.loads(line)
            return Document(made["_id"], made["text"], made["title"], made["metadata"])
        except (ValueError, TypeError, KeyError):
            raise InputError(
                f"The index's document in row {row} is damaged: {line[:60]!r}. Build it again with `semtune index`."
            ) from None
