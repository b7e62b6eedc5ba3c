"""What users think of an answer: a line in a file for each time somebody says so."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from semtune.errors import BusyError, InputError
from semtune.io import storage_errors

WAIT = 5.0  # seconds for others that append


class FeedbackFile:
    """A file to which feedback is appended, one object a line; several threads and processes may append at once.

    A line that a stopped process left half written is ended first, so that it costs no other one.
    """

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
        self._lock = path.with_name(f".{path.name}.lock")

    def add(self, said: Mapping[str, Any]) -> None:
        """Append what somebody said, with the time; it is on the disk when this returns.

        Raises:
            StorageError: the disk is full.
            BusyError: others have been appending for too long.
        """
        row = {**said, "time": datetime.now(timezone.utc).isoformat(timespec="seconds")}
        line = (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8")
        try:
            with storage_errors(self._path), FileLock(self._lock, timeout=WAIT), self._path.open("ab+") as out:
                out.write(b"\n" + line if _half_written(out) else line)
                out.flush()
                os.fsync(out.fileno())
        except Timeout:
            raise BusyError(f"{self._path} is locked by others that write feedback. Try again.") from None


def _half_written(file: Any) -> bool:
    if not file.seek(0, os.SEEK_END):
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"
