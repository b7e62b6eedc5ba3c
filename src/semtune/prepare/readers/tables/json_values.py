"""JSON text to values: one a line, pretty-printed over several lines, several on a line, or with a comma too many."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from semtune.prepare.drop_log import BadRows
from semtune.prepare.readers.files.unpack import MAX_LINE

TOO_LONG = f"line longer than {MAX_LINE:,} characters"
NESTED = "nested too deeply"
WINDOW = 1 << 17  # characters that a value over several lines is first looked for in; then MAX_LINE
IN_VAIN = 200_000_000  # characters read in vain over line ends; beyond them each line is read by itself
SHOWN = 40  # characters shown around a mistake
_BETWEEN = re.compile(r"[\s,]*(?:\]\s*\Z)?")
IGNORED = frozenset({"", "[", "]", "],"})  # lines around values
_LIST = re.compile(r"\[\s*\{")


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with JSON text, and where: lines and columns count from 1."""

    line: int
    column: int
    problem: str
    near: str = ""

    def __str__(self) -> str:
        shown = f", near {self.near!r}" if self.near else ""
        return f"line {self.line}, column {self.column}: {self.problem}{shown}"


def mistake(error: ValueError | RecursionError, text: str) -> Mistake:
    """What is wrong, from the decoder's error about `text`."""
    if not isinstance(error, json.JSONDecodeError):
        return Mistake(1, 1, "nested too deeply" if isinstance(error, RecursionError) else str(error))
    at = error.pos
    start = max(text.rfind("\n", 0, at) + 1, at - SHOWN // 2)
    end = text.find("\n", at)
    near = text[start : min(at + SHOWN // 2, len(text) if end < 0 else end)].strip()
    problem = "the text ends here" if at >= len(text.rstrip()) else error.msg[:1].lower() + error.msg[1:]
    return Mistake(error.lineno, error.colno, problem.removesuffix(" at"), near)


def plain_json(bare: str) -> Any:
    """The value on a line, which a comma may follow.

    Raises:
        ValueError, RecursionError: there is no value, or more than one.
    """
    return json.loads(bare.rstrip(", \t"))


def json_values(text: str, bad: BadRows) -> Iterator[tuple[int, Any]]:
    """Yield (line number, value) of every JSON value in a text.

    A line is read by itself where it can be. Otherwise a value may end on a later line, and another may follow it on
    the same line; commas between values, and brackets around all of them, are skipped.
    """
    reader = _Reader(text, bad)
    while reader.more:
        yield from reader.next_values()


def jsonl_rows(text: str, bad: BadRows) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, row) of every JSON object in a text; other values are refused."""
    for number, value in json_values(text, bad):
        if isinstance(value, dict):
            yield number, value
        else:
            bad.refuse(number, "not a JSON object", json.dumps(value, ensure_ascii=False))


class _Reader:
    """Reads JSON values from a place in a text onwards."""

    def __init__(self, text: str, bad: BadRows) -> None:
        self._text = text
        self._bad = bad
        self._decoder = json.JSONDecoder()
        self._wasted = 0
        self._at = 0
        self._line = 1
        self._start = len(text) - len(text.lstrip())

    @property
    def more(self) -> bool:
        return self._at < len(self._text)

    def next_values(self) -> list[tuple[int, Any]]:
        """The values that begin on the line; the place moves behind the line that the last of them ends on."""
        end = self._end(self._at)
        line, number = self._text[self._at : end], self._line
        bare = line.strip()
        found: list[tuple[int, Any]] = []
        if len(line) > MAX_LINE:
            self._refuse(TOO_LONG, line[:80])
        elif bare not in IGNORED:
            try:
                found = [(number, plain_json(bare))]
            except (ValueError, RecursionError):
                return self._over_lines()
        self._go_to(end + 1)
        self._bad.seen += len(found)
        return found

    def _over_lines(self) -> list[tuple[int, Any]]:
        found: list[tuple[int, Any]] = []
        while True:
            self._skip()
            if not self.more or self._text[self._at] == "\n":
                self._go_to(self._at + 1)
                return found
            try:
                value, end = self._decode()
            except (ValueError, RecursionError) as error:
                if not self._opens_all():
                    self._broken(error)
                    return found
                self._go_to(self._at + 1)
                continue
            found.append((self._line, value))
            self._bad.row()
            self._go_to(end)

    def _skip(self) -> None:
        """Go to the next value on the line, or to the line's end."""
        found = _BETWEEN.match(self._text, self._at)
        end = found.end() if found else self._at
        self._go_to(min(end, self._end(self._at)))

    def _decode(self) -> tuple[Any, int]:
        """The value that begins here, and where it ends."""
        at, end = self._at, self._end(self._at)
        if self._text[at] not in "{[" or self._wasted > IN_VAIN:
            return json.loads(self._text[at:end]), end
        try:
            value, length = self._decoder.raw_decode(self._text[at : at + WINDOW])
        except RecursionError:
            self._wasted += WINDOW
            raise
        except json.JSONDecodeError as error:
            self._wasted += error.pos
            cut = error.msg.startswith("Unterminated") or error.pos > WINDOW - SHOWN
            if not cut or at + WINDOW >= len(self._text):
                raise
            self._wasted += WINDOW
            value, length = self._decoder.raw_decode(self._text[at : at + MAX_LINE])
        return value, at + length

    def _opens_all(self) -> bool:
        """Whether a list of objects begins here that is the whole text."""
        return self._at == self._start and _LIST.match(self._text, self._at) is not None

    def _broken(self, error: ValueError | RecursionError) -> None:
        """Refuse the value that begins here, and go on where the next can begin."""
        end = self._end(self._at)
        column = self._at - self._text.rfind("\n", 0, self._at) - 1
        found = mistake(error, error.doc if isinstance(error, json.JSONDecodeError) else "")
        shift = column if found.line == 1 else 0
        where = Mistake(self._line + found.line - 1, shift + found.column, found.problem, found.near)
        goes_on = where.line > self._line
        self._refuse("not valid JSON", self._text[self._at : end].rstrip("\r"), str(where))
        self._go_to(end + 1)
        while goes_on and self.more and self._text[self._at] not in "{[":
            self._go_to(self._end(self._at) + 1)

    def _refuse(self, reason: str, shown: str, detail: str = "") -> None:
        self._bad.row()
        self._bad.refuse(self._line, reason, shown, detail)

    def _end(self, at: int) -> int:
        end = self._text.find("\n", at)
        return len(self._text) if end < 0 else end

    def _go_to(self, place: int) -> None:
        self._line += self._text.count("\n", self._at, place)
        self._at = place
