"""The limited number of threads that do the server's computing, in two lanes: queries never wait behind bulk.

Each lane has threads and a limit of its own. The threads of the bulk lane, and those that they start, have a lower
priority: a processor that both want is given to the query, and bulk takes what is left. See docs/deploy.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, TypeVar

from semtune.machine import usable_cpus
from semtune.serve.account import account
from semtune.serve.errors import ApiError

QUEUE = 64  # waiting requests of a lane; at 10 to 20 ms per query the last one waits about a second
MAX_RETRY_AFTER = 60  # seconds
NICE = 10  # of bulk: a tenth of a processor where a query wants it too, all of it where none does
LATEST = 0.1  # weight of the latest request in the mean time of a request

Lane: TypeAlias = Literal["query", "bulk"]
LANES: tuple[Lane, ...] = ("query", "bulk")
T = TypeVar("T")


class Watch(Protocol):
    """Is told what the lanes do; `semtune.serve.metrics.Metrics` is one."""

    def queued(self, lane: Lane, change: int) -> None:
        """A piece of work has begun (+1) or ended (-1) to wait."""
        ...

    def ran(self, lane: Lane, waited: float, computed: float) -> None:
        """A piece of work has ended, or nobody waits for its end any more; seconds."""
        ...


@dataclass(slots=True)
class _LaneState:
    """A lane's threads, its limit, and how many requests are inside.

    Attributes:
        seconds: mean time of a request, the latest ones counting most; 0 until the first has ended.
    """

    pool: ThreadPoolExecutor
    threads: int
    limit: int
    inside: int = 0
    seconds: float = 0.0

    def retry_after(self) -> int:
        """Seconds until about half of what waits now has been answered."""
        expected = self.seconds * self.inside / self.threads / 2
        return min(MAX_RETRY_AFTER, max(1, math.ceil(expected)))


class Workers:
    """A fixed number of threads, and a limit on the number of requests in progress.

    A request is admitted once and may then submit several pieces of work. The pieces of a lane run in order of arrival.
    Work that waits is dropped when its request is cancelled; work that runs is finished.
    """

    def __init__(self, threads: int = 0, queue: int = QUEUE, watch: Watch | None = None) -> None:
        """Start `threads` threads (0: one per usable CPU, at least two).

        Args:
            threads: of queries; bulk has half as many, since each encodes with all processors.
            queue: requests of each lane that may wait.
            watch: is told of each piece of work.
        """
        threads = threads or max(2, usable_cpus())
        bulk = max(1, threads // 2)
        self._lanes: dict[Lane, _LaneState] = {
            "query": _LaneState(ThreadPoolExecutor(threads, "semtune-query"), threads, threads + queue),
            "bulk": _LaneState(ThreadPoolExecutor(bulk, "semtune-bulk", _lower_priority), bulk, bulk + queue),
        }
        self._watch = watch
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def admit(self, lane: Lane = "query") -> Iterator[None]:
        """Admit one request until the block ends.

        Args:
            lane: "bulk" for a request with many texts, so that such requests cannot fill the places of queries.

        Raises:
            ApiError: 429, too many requests are in progress.
        """
        state = self._lanes[lane]
        with self._lock:
            if state.inside >= state.limit:
                raise _busy(lane, state)
            state.inside += 1
        began = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - began
            with self._lock:
                state.inside -= 1
                state.seconds += (took - state.seconds) * (LATEST if state.seconds else 1)

    async def run(self, work: Callable[[], T], lane: Lane = "query") -> T:
        """Run one piece of work in a thread of a lane, after those submitted to it before.

        If the caller is cancelled, work that has not begun is dropped.
        """
        mine, submitted, began = account(), time.perf_counter(), 0.0
        context = contextvars.copy_context()

        def timed() -> T:
            nonlocal began
            began = time.perf_counter()
            self._queued(lane, -1)
            return context.run(work)

        self._queued(lane, 1)
        waiting = self._lanes[lane].pool.submit(timed)
        try:
            return await asyncio.wrap_future(waiting)
        finally:
            ended = time.perf_counter()
            if waiting.cancelled():  # before it began
                self._queued(lane, -1)
                mine.waited += ended - submitted
            else:
                mine.waited += began - submitted
                mine.computed += ended - began
                if self._watch:
                    self._watch.ran(lane, began - submitted, ended - began)

    def warm(self, work: Callable[[], T]) -> T:
        """Run something that encodes in a thread of bulk, before the first request.

        Threads that an encoder starts have the priority of the thread that asked, and live as long as the encoder.
        """
        return self._lanes["bulk"].pool.submit(work).result()

    def limit(self, lane: Lane) -> int:
        """Requests of a lane that may be in progress, with those that wait."""
        return self._lanes[lane].limit

    def inside(self, lane: Lane) -> int:
        """Requests of a lane in progress."""
        return self._lanes[lane].inside

    def _queued(self, lane: Lane, change: int) -> None:
        if self._watch:
            self._watch.queued(lane, change)


def _busy(lane: Lane, state: _LaneState) -> ApiError:
    seconds = state.retry_after()
    what = "requests" if lane == "query" else "requests with many texts"
    return ApiError(
        429,
        f"The server is busy: {state.inside} {what} are in progress, the maximum. Try again in "
        f"{seconds} second{'s' if seconds > 1 else ''}.",
        code="rate_limit_exceeded",
        headers={"Retry-After": str(seconds)},
    )


def _lower_priority() -> None:
    """Lower this thread's priority. Only Linux has priorities of threads; elsewhere it would be that of the process."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            me = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, me, os.getpriority(os.PRIO_PROCESS, me) + NICE)
