"""The documents behind an index: a JSON-lines file and the byte offset of each line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from semtune.dataset import write_documents
from semtune.errors import InputError
from semtune.types import Document

LINES, OFFSETS = "documents.jsonl", "documents.offsets.npy"


def write_store(documents: Sequence[Document], folder: Path) -> None:
    """Write the documents in row order, then their offsets."""
    write_documents(folder / LINES, documents)
    offsets = [0]
    with (folder / LINES).open("rb") as lines:
        offsets.extend(lines.tell() for _ in iter(lines.readline, b""))
    np.save(folder / OFFSETS, np.asarray(offsets, dtype=np.int64))


class DocumentStore:
    """Random access to documents by row, read from disk when asked; memory stays small.

    Safe to read from many threads: every read opens the file for itself.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / LINES).exists() or not (folder / OFFSETS).exists():
            raise InputError(
                f"{folder} is not a whole index: its documents are missing. Build it again with `semtune index`."
            )
        self._path = folder / LINES
        self._offsets = np.load(folder / OFFSETS, mmap_mode="r")

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def get(self, rows: Sequence[int]) -> list[Document]:
        """The documents of these rows, in this order."""
        found = []
        with self._path.open("rb") as lines:
            for row in rows:
                lines.seek(int(self._offsets[row]))
                made = json.loads(lines.readline())
                found.append(Document(made["_id"], made["text"], made["title"], made["metadata"]))
        return found
