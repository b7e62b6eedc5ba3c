"""Processes that read batches of files, so that reading uses all processors and a crash costs one file.

Processes of our own rather than `multiprocessing`: nothing is forked where threads of torch or a tokenizer hold
locks, a caller's script is not run again in each (it needs no `if __name__ == "__main__"`), and the death of one
leaves the others and what they read.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from types import TracebackType
from typing import TypeVar

READY = b"ready\n"
_START = "import sys; sys.path[:] = sys.argv[1:]; from semtune.prepare.readers.files.worker import main; main()"
AHEAD = 3  # answers a process that may wait to be taken

T = TypeVar("T")
R = TypeVar("R")
Ask = Callable[[bytes], bytes]


class CrewError(Exception):
    """No process can be started here; the work is to be done in this one."""


class DiedError(Exception):
    """A process died over its work."""


class Crew:
    """So many processes; `with` ends them."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._idle: SimpleQueue[_Process | None] = SimpleQueue()
        self._all: set[_Process] = set()
        self._lock = threading.Lock()
        self._closed = False
        for _ in range(size):
            self._idle.put(None)  # started when there is something to do

    def map(self, work: Callable[[Ask, T], R], items: Iterable[T]) -> Iterator[R]:
        """`work(ask, item)` of all items, several at once, in their order.

        `ask` sends one line to a process and gives its answer. It raises `DiedError` where the process died over it,
        and `CrewError` where none can be started.
        """
        waiting: deque[Future[R]] = deque()
        threads = ThreadPoolExecutor(self._size, thread_name_prefix="crew")
        try:
            for item in items:
                waiting.append(threads.submit(work, self._ask, item))
                if len(waiting) >= AHEAD * self._size:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            self._close()  # the threads wait for answers, which now end
            threads.shutdown(cancel_futures=True)

    def _ask(self, line: bytes) -> bytes:
        process = self._idle.get()
        try:
            if process is None:
                process = self._start()
            return process.ask(line)
        except DiedError:
            process = None
            raise
        finally:
            self._idle.put(process)

    def _start(self) -> _Process:
        with self._lock:
            if self._closed:
                raise CrewError
            process = _Process()
            self._all.add(process)
        process.wait_ready()
        return process

    def _close(self) -> None:
        with self._lock:
            self._closed = True
            for process in self._all:
                process.kill()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()


class _Process:
    def __init__(self) -> None:
        try:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-c", _START, *sys.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        except (OSError, ValueError, TypeError) as error:  # an embedded Python has no executable
            raise CrewError from error

    def wait_ready(self) -> None:
        if self._line() != READY:
            self.kill()
            raise CrewError

    def ask(self, line: bytes) -> bytes:
        stdin = self._process.stdin
        assert stdin is not None  # noqa: S101 - it is a pipe
        try:
            stdin.write(line + b"\n")
            stdin.flush()
            answer = self._line()
        except (OSError, ValueError):
            answer = b""
        if not answer.endswith(b"\n"):
            self.kill()
            raise DiedError
        return answer

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe:
                    pipe.close()

    def _line(self) -> bytes:
        return self._process.stdout.readline() if self._process.stdout else b""
