"""Values that take long to compute and are computed once, in the background, when they are first asked for."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from fastapi import Response
from fastapi.responses import JSONResponse

from semtune.serve.workers import Workers

PATIENCE = 0.5  # seconds that a request waits for a value before it is told to come again
CHANGED = 0.05  # share of the documents that must have come or gone before a value is computed again
REST = 30.0  # seconds between two computations of a value
T = TypeVar("T")


@dataclass(slots=True)
class _Kept(Generic[T]):
    value: T
    documents: int
    since: float


class Lazily(Generic[T]):
    """A value for each served index, computed in the bulk lane; an old one is served while a newer one is computed."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._kept: dict[str, _Kept[T]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def get(self, name: str, documents: int, compute: Callable[[], T]) -> T | None:
        """The value for an index; None: it is being computed, ask again.

        Args:
            name: of the index.
            documents: how many it has now.
            compute: makes the value; runs in a thread.

        Raises:
            Exception: what `compute` raised.
        """
        kept = self._kept.get(name)
        if kept is None or _is_old(kept, documents):
            await self._begin(name, documents, compute)
            kept = self._kept.get(name)
        return kept.value if kept else None

    async def _begin(self, name: str, documents: int, compute: Callable[[], T]) -> None:
        task = self._tasks.get(name)
        if task is None:
            task = self._tasks[name] = asyncio.create_task(self._run(name, documents, compute))
            task.add_done_callback(partial(self._finished, name))
        if name not in self._kept:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.shield(task), PATIENCE)

    async def _run(self, name: str, documents: int, compute: Callable[[], T]) -> None:
        value = await self._workers.run(compute, "bulk")
        self._kept[name] = _Kept(value, documents, time.monotonic())

    def _finished(self, name: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(name, None)
        if not task.cancelled():
            task.exception()  # a request that waited has raised it; the next one tries again


def later() -> Response:
    """What is asked for is being computed: ask again."""
    return JSONResponse({"state": "computing"}, 202, headers={"Retry-After": "1", "Cache-Control": "no-store"})


def _is_old(kept: _Kept[T], documents: int) -> bool:
    rested = time.monotonic() - kept.since > REST
    return rested and abs(documents - kept.documents) > CHANGED * kept.documents
