"""What users think of an answer: a line in a file for each time somebody says so."""

from __future__ import annotations

import json
import os
import threading
from datetime import datetime, timezone
from pathlib import Path

from semtune.errors import InputError
from semtune.io import storage_errors


class FeedbackFile:
    """A file to which feedback is appended: {"query", "id", "useful", "time"}, one object a line."""

    def __init__(self, path: Path) -> None:
        """Check that the file can be written.

        Raises:
            InputError: it is a folder.
            StorageError: it cannot be written.
        """
        if path.is_dir():
            raise InputError(f"--feedback {path} is a folder. Give a file, such as feedback.jsonl.")
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("ab").close()
        self._path = path
        self._mutex = threading.Lock()

    def add(self, query: str, document: str, useful: bool) -> None:
        """Append one line; it is on the disk when this returns.

        Raises:
            StorageError: the disk is full.
        """
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        row = {"query": query, "id": document, "useful": useful, "time": now}
        line = (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8")
        with self._mutex, storage_errors(self._path), self._path.open("ab") as out:
            out.write(line)
            out.flush()
            os.fsync(out.fileno())
