"""The seconds of the stages of a search, for whoever wants to know them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_CLOCK: ContextVar[dict[str, float] | None] = ContextVar("stages", default=None)


@contextmanager
def clocked() -> Iterator[dict[str, float]]:
    """Name → seconds of the stages within a block, in this thread."""
    seconds: dict[str, float] = {}
    token = _CLOCK.set(seconds)
    try:
        yield seconds
    finally:
        _CLOCK.reset(token)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """A stage; its seconds are added up where somebody clocks."""
    seconds = _CLOCK.get()
    began = time.perf_counter()
    try:
        yield
    finally:
        if seconds is not None:
            seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - began
