"""The limited number of threads that do the server's computing, in two lanes: queries never wait behind bulk."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, TypeAlias, TypeVar

from semtune.machine import usable_cpus
from semtune.serve.errors import ApiError

QUEUE = 64  # waiting requests; at 10 to 20 ms per query the last one waits about a second
RETRY_AFTER = 1  # seconds

Lane: TypeAlias = Literal["query", "bulk"]
T = TypeVar("T")


class Workers:
    """A fixed number of threads, and a limit on the number of requests in progress.

    A request is admitted once and may then submit several pieces of work. The pieces of a lane run in order of arrival.
    """

    def __init__(self, threads: int = 0, queue: int = QUEUE) -> None:
        """Start `threads` threads (0: one per usable CPU, at least two) and allow `queue` waiting requests."""
        threads = threads or max(2, usable_cpus())
        bulk = max(1, threads // 2)
        self._pools: dict[Lane, ThreadPoolExecutor] = {
            "query": ThreadPoolExecutor(threads, thread_name_prefix="semtune-query"),
            "bulk": ThreadPoolExecutor(bulk, thread_name_prefix="semtune-bulk"),
        }
        self._limit = threads + queue
        self._inside = 0
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def admit(self) -> Iterator[None]:
        """Admit one request until the block ends.

        Raises:
            ApiError: 429, too many requests are in progress.
        """
        with self._lock:
            if self._inside >= self._limit:
                raise ApiError(
                    429,
                    f"The server is busy: {self._inside} requests are in progress, the maximum. Try again in "
                    f"{RETRY_AFTER} second.",
                    code="rate_limit_exceeded",
                    headers={"Retry-After": str(RETRY_AFTER)},
                )
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1

    async def run(self, work: Callable[[], T], lane: Lane = "query") -> T:
        """Run one piece of work in a thread of a lane, after those submitted to it before."""
        return await asyncio.wrap_future(self._pools[lane].submit(work))
