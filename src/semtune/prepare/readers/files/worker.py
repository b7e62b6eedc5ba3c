"""What a process of the crew does: a line with names of files in, a line with what they hold out."""

from __future__ import annotations

import json
import os
import signal
import sys

from semtune.prepare.readers.files.file_batches import FAILED, Files, pack, read_here
from semtune.prepare.readers.files.worker_pool import READY


def main() -> None:
    """Answer until there are no more questions; the caller's Ctrl-C is the caller's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not stand between answers
    try:
        _say(answers, READY)
        for line in sys.stdin.buffer:
            _say(answers, _answer(line))
    except BrokenPipeError:  # the caller was killed
        os._exit(0)


def _say(answers, line: bytes) -> None:  # noqa: ANN001 - a binary file
    answers.write(line)
    answers.flush()


def _answer(line: bytes) -> bytes:
    files = Files(**json.loads(line))
    try:
        return pack(read_here(files)) + b"\n"
    except MemoryError:
        os._exit(1)
    except Exception:  # the caller reads them itself, and shows the error as if there were no process between
        return FAILED + b"\n"
