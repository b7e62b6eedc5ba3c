"""Lines of a file by number, of which only those are kept that may be read again."""

from __future__ import annotations

from collections.abc import Iterable

MANY = 4_096  # places of forgotten lines, from which they are dropped; dropping a few at a time is slow


class LineWindow:
    """The lines that an iterator gives, by their place; lines are taken from it when they are first asked for."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._source = iter(lines)
        self._kept: list[str] = []
        self._first = 0  # place of the first line in the list
        self._forgotten = 0  # place of the first line that may be read again

    def has(self, place: int) -> bool:
        """Whether there is a line at `place`."""
        while len(self._kept) <= place - self._first:
            line = next(self._source, None)
            if line is None:
                return False
            self._kept.append(line)
        return True

    def line(self, place: int) -> str:
        """The line at `place`, which must be there."""
        return self._kept[place - self._first]

    def between(self, start: int, end: int) -> list[str]:
        """The lines from `start` up to, without, `end`, all of which were read before."""
        return self._kept[start - self._first : end - self._first]

    def forget_before(self, place: int) -> None:
        """Let go of the lines before `place`, which will not be asked for again."""
        for number in range(self._forgotten - self._first, place - self._first):
            self._kept[number] = ""  # lines may be long
        self._forgotten = place
        if place - self._first >= MANY:
            del self._kept[: place - self._first]
            self._first = place
