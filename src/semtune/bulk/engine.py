"""Where shards are encoded: in this process, in processes of this machine, or on the nodes of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Protocol

from semtune.bulk.encoding import Job, Opened, encode_texts
from semtune.bulk.settings import EncodeSettings
from semtune.bulk.shards import Vectors
from semtune.progress import Progress


class Engine(Protocol):
    """Encodes shards.

    Attributes:
        at_once: how many shards it should have been given; more only cost memory.
    """

    at_once: int

    def submit(self, texts: list[str]) -> Future[Vectors]:
        """Encode texts, now or later."""
        ...


class Here:
    """Encodes in this process, at once."""

    at_once = 1

    def __init__(self, opened: Opened, job: Job, progress: Progress) -> None:
        self._opened, self._job, self._progress = opened, job, progress

    def submit(self, texts: list[str]) -> Future[Vectors]:
        """Encode texts; the result is there when this returns."""
        done: Future[Vectors] = Future()
        done.set_result(encode_texts(self._opened, self._job, texts, self._progress))
        return done


Start = Callable[[Job], AbstractContextManager[Engine]]


def engine_for(settings: EncodeSettings) -> Start | None:
    """Starts the engine that encodes elsewhere; None if this process does it.

    Raises:
        ConfigError: there are fewer cores than workers.
        MissingExtraError: Ray is asked for and not installed.
    """
    if settings.engine == "ray":
        from semtune.registry import need

        need("ray")
        from semtune.bulk.ray_engine import ray_engine

        return lambda job: ray_engine(job, settings.workers)
    if settings.workers is not None and settings.workers > 1:
        from semtune.bulk.workers import Workers, split_cores

        cores = split_cores(settings.workers)
        return lambda job: Workers(job, cores)
    return None
