"""What runs in a worker process; see `semtune.bulk.workers`. Cores are set before anything heavy is imported."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys


def main() -> None:
    """Answer until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not come between answers
    asked = sys.stdin.buffer
    cores = pickle.load(asked)  # noqa: S301 - from the process that started this one
    if hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):  # a container may forbid it
            os.sched_setaffinity(0, cores)
    from semtune.bulk.encoding import encode_texts, opened_once

    job = pickle.load(asked)  # noqa: S301
    while True:
        try:
            texts = pickle.load(asked)  # noqa: S301
        except EOFError:
            return
        try:
            answer = encode_texts(opened_once(job), job, texts)
        except Exception as error:
            answer = error
        try:
            pickle.dump(answer, answers, pickle.HIGHEST_PROTOCOL)
            answers.flush()
        except BrokenPipeError:
            return
