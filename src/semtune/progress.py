"""Progress of long work, reported to whoever called: a terminal bar, a log, or nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Progress(Protocol):
    """Something that shows how far a task is."""

    def track(self, task: str, total: int | None = None) -> AbstractContextManager[Callable[[int], None]]:
        """Open a task of `total` units; the value given by `with` is called with the units done."""
        ...

    def say(self, message: str) -> None:
        """Tell the user one line."""
        ...

    def status(self, message: str) -> None:
        """Show how the running task stands, in place of what was shown before."""
        ...


class Quiet:
    """A progress that shows nothing; the default of every library function."""

    @contextmanager
    def track(self, task: str, total: int | None = None) -> Iterator[Callable[[int], None]]:  # noqa: ARG002 - Protocol
        """Accept the task and ignore it."""
        yield lambda _n: None

    def say(self, message: str) -> None:
        """Ignore the message."""

    def status(self, message: str) -> None:
        """Ignore the message."""


QUIET = Quiet()
