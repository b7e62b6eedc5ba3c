"""Locks between processes, on files. The system releases a lock when its process ends, however it ends."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def lock_file(path: Path, *, remove: bool = False) -> Iterator[bool]:
    """Hold the lock `path` for the length of the block, without waiting; the file holds the holder's process id.

    Args:
        path: of the lock file; its folder must exist.
        remove: delete the file at the end, for locks of things that go away themselves.

    Yields:
        Whether the lock is ours: False if another process, or another block of this one, holds it.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        with contextlib.suppress(PermissionError):  # Windows may lock the bytes themselves
            path.write_text(str(os.getpid()))
        yield True
    finally:
        if remove:  # while it is held; filelock notices a file that was deleted under it, and takes a new one
            with contextlib.suppress(OSError):  # Windows deletes no open file
                path.unlink()
        lock.release()
        if remove and os.name == "nt":
            with contextlib.suppress(OSError):  # another process took it
                path.unlink()


def holder(path: Path) -> str:
    """The process id of a lock's holder; empty if the file does not tell."""
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return text if text.isdecimal() else ""
