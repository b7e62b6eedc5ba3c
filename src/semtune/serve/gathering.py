"""Gathers requests that wait for a thread anyway into one batch; one that finds a free thread is never held up."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from semtune.serve.account import account
from semtune.serve.workers import Workers

K = TypeVar("K")
T = TypeVar("T")
R = TypeVar("R")


@dataclass(eq=False, slots=True)
class _Waiting(Generic[K, T, R]):
    """A request that waits; its result is ready when a thread has computed it, alone or with others."""

    key: K
    item: T
    result: Future[R] = field(default_factory=Future)


class Gathering(Generic[K, T, R]):
    """Computes the items of concurrent requests together where their keys are equal.

    Each request submits a piece of work of its own. The one that runs first takes the others that wait, up to a limit;
    theirs then only hand out the result. So batches are as large as the load demands, and nobody waits for a batch.
    """

    def __init__(self, workers: Workers, compute: Callable[[K, list[T]], list[R]], most: int) -> None:
        """Gather at most `most` items.

        Args:
            workers: whose query lane computes.
            compute: the results of items that have a key in common, in their order; if it fails for several of them,
                it is asked for each by itself.
            most: 1: nothing is gathered.
        """
        self._workers, self._compute, self._most = workers, compute, most
        self._waiting: list[_Waiting[K, T, R]] = []
        self._lock = threading.Lock()

    async def run(self, key: K, item: T) -> R:
        """The result of one item.

        Raises:
            Exception: as `compute` for this item.
        """
        mine: _Waiting[K, T, R] = _Waiting(key, item)
        with self._lock:
            self._waiting.append(mine)
        try:
            await self._workers.run(partial(self._turn, mine))
        finally:
            with self._lock:
                if mine in self._waiting:  # cancelled before its turn
                    self._waiting.remove(mine)
        began = time.perf_counter()
        try:
            return await asyncio.wrap_future(mine.result)
        finally:
            account().computed += time.perf_counter() - began

    def _turn(self, mine: _Waiting[K, T, R]) -> None:
        """Compute what waits, unless another request's turn has taken this one; then its thread is free at once."""
        with self._lock:
            batch = self._take(mine) if mine in self._waiting else []
        if batch:
            self._answer(batch)

    def _take(self, mine: _Waiting[K, T, R]) -> list[_Waiting[K, T, R]]:
        others = [one for one in self._waiting if one is not mine and one.key == mine.key][: self._most - 1]
        taken = [mine, *others]
        self._waiting = [one for one in self._waiting if one not in taken]
        return [one for one in taken if one.result.set_running_or_notify_cancel()]

    def _answer(self, batch: Sequence[_Waiting[K, T, R]]) -> None:
        try:
            made = self._compute(batch[0].key, [one.item for one in batch])
        except BaseException as error:  # each request gets its own
            if len(batch) == 1:
                batch[0].result.set_exception(error)
                return
            for one in batch:
                self._answer([one])
            return
        for one, result in zip(batch, made, strict=True):
            one.result.set_result(result)
