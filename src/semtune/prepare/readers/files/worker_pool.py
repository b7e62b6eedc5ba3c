"""Worker processes by loky, with two guarantees added: order, and a crash costs the item that caused it, no other.

loky starts fresh interpreters: nothing is forked while threads of torch or a tokenizer hold locks, and a caller's
script needs no `if __name__ == "__main__"`. But when one worker dies, loky drops everything that waits; this module
runs those items again, one at a time, to find the one to blame.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Generic, TypeVar

AHEAD = 3  # results per worker that may wait to be taken; it bounds the memory
IDLE_SECONDS = 60  # after which a worker that has nothing to do ends

T = TypeVar("T")
R = TypeVar("R")


class WorkerPool(Generic[T, R]):
    """A number of processes that apply one function to many items; `with` ends them.

    Args:
        work: the function; it is called in this process where no other can be started, and where it raised an error
            in a worker, so that errors look the same with and without workers.
        size: the number of processes.
    """

    def __init__(self, work: Callable[[T], R], size: int) -> None:
        self._work, self._size = work, size
        self._executor: Any = None
        self._single: Any = None  # one worker, for items that may kill it
        self._usable = True

    def map(self, items: Iterable[T]) -> Iterator[R | None]:
        """The result of each item in order; None for one that killed its worker."""
        waiting: deque[tuple[T, Any]] = deque()
        for item in items:
            waiting.append((item, self._submit(item)))
            if len(waiting) >= AHEAD * self._size:
                yield self._next(waiting)
        while waiting:
            yield self._next(waiting)

    def alone(self, item: T) -> R | None:
        """The result of an item that has a worker to itself; None if it kills it."""
        if self._usable and self._single is None:
            self._single = self._start(1)
        if self._single is None:
            return self._work(item)
        result, died = self._result(item, self._single.submit(self._work, item))
        if died:
            self._single = _end(self._single)
        return result

    def _submit(self, item: T) -> Any:
        """The future of an item; None where no process can be started."""
        if self._usable and self._executor is None:
            self._executor = self._start(self._size)
        return self._executor.submit(self._work, item) if self._executor is not None else None

    def _next(self, waiting: deque[tuple[T, Any]]) -> R | None:
        item, future = waiting.popleft()
        result, died = self._result(item, future)
        if not died:
            return result
        self._executor = _end(self._executor)
        self._rerun(waiting)
        return self.alone(item)

    def _rerun(self, waiting: deque[tuple[T, Any]]) -> None:
        """Run items again that were lost when a worker died, each alone."""
        for place, (item, future) in enumerate(waiting):
            result, died = self._result(item, future)
            waiting[place] = item, _Done(self.alone(item) if died else result)

    def _result(self, item: T, future: Any) -> tuple[R | None, bool]:
        """The result of a future, and whether a worker died before there was one."""
        if isinstance(future, _Done):
            return future.result, False
        if future is None:
            return self._work(item), False
        from loky.process_executor import BrokenProcessPool, ShutdownExecutorError

        try:
            return future.result(), False
        except (BrokenProcessPool, ShutdownExecutorError, MemoryError):  # the worker gives its memory back when it ends
            return None, True
        except Exception:  # of the function; called here it shows as if there were no worker
            return self._work(item), False

    def _start(self, size: int) -> Any:
        """An executor whose workers answer; None, from now on, where none can be started."""
        try:
            from loky import ProcessPoolExecutor

            executor = ProcessPoolExecutor(
                size, timeout=IDLE_SECONDS, initializer=_prepare_worker, initargs=(os.getpid(),)
            )
            executor.submit(_answer).result()
        except (ImportError, OSError, RuntimeError, ValueError, TypeError):  # no loky, no semaphores, no executable
            self._usable = False
            return None
        return executor

    def __enter__(self) -> WorkerPool[T, R]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._executor, self._single = _end(self._executor), _end(self._single)


class _Done(Generic[R]):
    """The result of an item that was run again."""

    def __init__(self, result: R | None) -> None:
        self.result = result


def _end(executor: Any) -> None:
    if executor is not None:
        executor.shutdown(wait=True, kill_workers=True)


def _prepare_worker(caller: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller handles Ctrl-C
    os.dup2(2, 1)  # what a library prints must not mix with the caller's output
    threading.Thread(target=_end_with, args=(caller,), daemon=True).start()


def _end_with(caller: int) -> None:
    """End this worker when its caller is gone: killed, it cannot end its workers, and loky lets them wait."""
    while os.getppid() == caller:
        time.sleep(1)
    os._exit(0)


def _answer() -> None:
    """Show that a worker can be started."""
