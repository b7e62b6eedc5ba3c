"""How far the work is: within a shard by what the encoder reports, and shard by shard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Meter:
    """A progress for the encoder, within a progress of the whole file."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance = advance
        self._inside = 0  # units of the shard in work that were shown

    @contextmanager
    def track(self, task: str, total: int | None = None) -> Iterator[Callable[[int], None]]:  # noqa: ARG002 - Protocol
        """Show the units of an inner task as units of the whole."""
        yield self._within

    def say(self, message: str) -> None:
        """Ignore the message; there would be one a shard."""

    def status(self, message: str) -> None:
        """Ignore the message."""

    def finish(self, units: int) -> None:
        """A shard of so many units is done."""
        rest, self._inside = units - self._inside, 0
        self._advance(max(0, rest))

    def _within(self, units: int) -> None:
        self._inside += units
        self._advance(units)
