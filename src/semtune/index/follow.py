"""Follows an index that is switched to another version while it is in use, without a request failing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from semtune.index import versions

LOG = logging.getLogger(__name__)
EVERY = 1.0  # seconds between two looks at the folder
AGAIN = 30.0  # seconds until a version that could not be opened is tried again
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(slots=True)
class _Opened(Generic[T]):
    """What is open, and how many blocks use it."""

    value: T
    users: int = 0
    left: bool = False


class Following(Generic[T_co]):
    """What is open of an index, opened again when the index was switched or built anew. Safe to use from many threads.

    The new version is opened by a thread of its own while the old one answers. Blocks that began with the old one end
    with it; it is closed after the last of them. A version that cannot be opened is logged, and the old one stays.

    Example:
        >>> following = Following(Path("index"), lambda: Searcher.open("index"), Searcher.close)  # doctest: +SKIP
        >>> with following.current() as searcher:  # doctest: +SKIP
        ...     searcher.search("kettle")
    """

    def __init__(
        self, index: Path, open_: Callable[[], T_co], close: Callable[[T_co], None], every: float = EVERY
    ) -> None:
        """Open an index and follow it.

        Args:
            index: its folder.
            open_: opens the current version.
            close: closes what `open_` gave.
            every: seconds between two looks at the folder.

        Raises:
            SemtuneError: as `open_`.
        """
        self._index, self._open, self._close, self._every = index, open_, close, every
        self._lock = threading.Lock()
        self._mark = versions.mark(index)  # before it is opened: a switch meanwhile is seen at the first look
        self._now = _Opened(open_())
        self._next_look = time.monotonic() + every
        self._opening = False
        self._closed = False

    @contextmanager
    def current(self) -> Iterator[T_co]:
        """What is open, for the length of a block; it is not closed before the block ends."""
        self._look()
        with self._lock:
            mine = self._now
            mine.users += 1
        try:
            yield mine.value
        finally:
            with self._lock:
                mine.users -= 1
                last = mine.left and not mine.users
            if last:
                self._close(mine.value)

    @property
    def value(self) -> T_co:
        """What is open at this moment; it may be closed at the next switch, so use it for facts only."""
        self._look()
        return self._now.value

    def reload(self) -> None:
        """Open the current version anew, in this thread; blocks that began with the old one end with it.

        Raises:
            SemtuneError: as `open_`; the old one stays in use.
        """
        mark = versions.mark(self._index)
        self._replace(self._open(), mark)

    def refresh(self) -> None:
        """As `reload`, if the index was switched since it was opened."""
        if versions.mark(self._index) not in ((), self._mark):
            self.reload()

    def close(self) -> None:
        """Close what is open, now or when its last block ends, and follow no more."""
        with self._lock:
            if self._closed:
                return
            self._closed = self._now.left = True
            unused = not self._now.users
        if unused:
            self._close(self._now.value)

    def _look(self) -> None:
        """Begin to open the current version if it is another one; at most every `every` seconds."""
        now = time.monotonic()
        if now < self._next_look:
            return
        with self._lock:
            if now < self._next_look or self._opening or self._closed:
                return
            self._next_look = now + self._every
            mark = versions.mark(self._index)
            if not mark or mark == self._mark:  # no folder: an index is being replaced at this moment
                return
            self._opening = True
        threading.Thread(target=self._move, args=(mark,), name="semtune-follow", daemon=True).start()

    def _move(self, mark: tuple[int, ...]) -> None:
        try:
            value = self._open()
        except Exception:
            LOG.warning("The new version of %s cannot be opened; the old one stays in use.", self._index, exc_info=True)
            with self._lock:
                self._opening, self._next_look = False, time.monotonic() + AGAIN
            return
        self._replace(value, mark)
        with self._lock:
            self._opening = False

    def _replace(self, value: T_co, mark: tuple[int, ...]) -> None:  # type: ignore[misc]
        """Let blocks that begin from now on use another value, opened when the folder had this mark."""
        with self._lock:
            old, closed = self._now, self._closed
            if not closed:
                old.left, self._now, self._mark = True, _Opened(value), mark
            unused = not old.users
        if closed:
            self._close(value)
        elif unused:
            self._close(old.value)
