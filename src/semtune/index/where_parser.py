"""The parser of filters as text; see `semtune.index.where`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from semtune.errors import InputError, nearest
from semtune.index.filters import AllOf, AnyOf, Comparison, Filter, Not, Scalar
from semtune.index.where_values import OPERATORS, checked, require_order

MAX_DEPTH = 30  # parts within parts
MEANT = {"=<": "<=", "=>": ">=", "<>": "!=", "===": "=", "!==": "!=", "=!": "!=", "~": "=", "=~": "="}
MEANT_WORDS = {"&&": "and", "&": "and", "||": "or", "|": "or", "!": "not"}
ALLOWED = "Allowed are =, !=, <, <=, >, >=, in (a, b), exists; and, or, not; parentheses; texts in quotes."
KEYWORDS = frozenset({"and", "or", "not", "in", "exists", "true", "false", "null"})
CONSTANTS: dict[str, Scalar] = {"true": True, "false": False, "null": None}
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}

_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<punctuation>[(),])|(?P<operator>[=!<>~&|]+)|(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
    r"""|(?P<word>[^\s()=!<>,"';~&|\\]+)""",
    re.DOTALL,
)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # punctuation, operator, quoted, word, end
    text: str
    start: int

    def is_word(self, word: str) -> bool:
        return self.kind == "word" and self.text.casefold() == word

    def is_mark(self, mark: str) -> bool:
        return self.kind == "punctuation" and self.text == mark

    @property
    def shown(self) -> str:
        return "the end" if self.kind == "end" else repr(self.text)


def parse(text: str) -> Filter:
    """The tree of a filter.

    Raises:
        InputError: it cannot be understood; the message names the place and what is allowed.
    """
    return _Parser(text, _tokens(text)).whole()


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            _refuse_character(text, at)
        if match.lastgroup != "space":
            found.append(_Token(str(match.lastgroup), match.group(), at))
        at = match.end()
    return [*found, _Token("end", "", len(text))]


def _refuse_character(text: str, at: int) -> NoReturn:
    if text[at] in "\"'":
        raise _error(text, at, f'The quote {text[at]} is never closed. Close it; a quote within a text is written \\"')
    raise _error(
        text, at, f"{text[at]!r} cannot stand in a filter. Put values with such characters in quotes. {ALLOWED}"
    )


def _error(text: str, at: int, message: str) -> InputError:
    shown = f"{text[max(0, at - 30) : at]} → {text[at : at + 30]}".strip()
    return InputError(f"The filter cannot be understood at character {at + 1} ({shown}): {message}")


class _Parser:
    """Recursive descent; `or` binds least, then `and`, then `not`."""

    def __init__(self, text: str, tokens: Sequence[_Token]) -> None:
        self._text, self._tokens, self._at = text, tokens, 0

    def whole(self) -> Filter:
        found = self._any_of(0)
        self._expect_end()
        return found

    def _any_of(self, depth: int) -> Filter:
        return self._joined("or", AnyOf, self._all_of, depth)

    def _expect_end(self) -> None:
        token = self._peek()
        if token.kind == "end":
            return
        if token.text in MEANT_WORDS:
            raise self._wrong(token, f"{token.text!r} is written {MEANT_WORDS[token.text]!r}.")
        if token.text == ")":
            raise self._wrong(token, "This parenthesis was never opened.")
        raise self._wrong(
            token, f"Expected 'and', 'or' or the end, found {token.text!r}. Put texts of several words in quotes."
        )

    def _all_of(self, depth: int) -> Filter:
        return self._joined("and", AllOf, self._one, depth)

    def _joined(self, word: str, group: type[AllOf] | type[AnyOf], part: Callable[[int], Filter], depth: int) -> Filter:
        parts = [part(depth)]
        while self._peek().is_word(word):
            self._next()
            parts.append(part(depth))
        return parts[0] if len(parts) == 1 else group(tuple(parts))

    def _one(self, depth: int) -> Filter:
        token = self._peek()
        if depth >= MAX_DEPTH:
            raise self._wrong(token, f"The filter is nested more than {MAX_DEPTH} deep.")
        if token.is_word("not"):
            self._next()
            return Not(self._one(depth + 1))
        if token.is_mark("("):
            self._next()
            inner = self._any_of(depth + 1)
            self._close()
            return inner
        return self._comparison()

    def _comparison(self) -> Filter:
        name = self._field()
        token = self._next()
        if token.is_word("exists"):
            return Comparison(name, "exists", True)
        if token.is_word("in"):
            return Comparison(name, "in", self._values())
        if token.is_word("not"):
            return self._negated(name)
        operator = "=" if token.text == "==" else token.text
        if token.kind != "operator" or operator not in OPERATORS:
            self._refuse_operator(name, token)
        at, value = self._peek(), self._value()
        try:
            require_order(operator, value)
        except InputError as error:
            raise self._wrong(at, str(error)) from None
        return Comparison(name, operator, value)

    def _negated(self, name: str) -> Filter:
        token = self._next()
        if token.is_word("exists"):
            return Comparison(name, "exists", False)
        if token.is_word("in"):
            return Not(Comparison(name, "in", self._values()))
        raise self._wrong(token, f"After '{name} not' comes 'in (...)' or 'exists'.")

    def _field(self) -> str:
        token = self._next()
        if token.kind == "quoted":
            return str(checked(_unquoted(token)))
        if token.kind == "word" and token.text.casefold() not in KEYWORDS:
            return token.text
        if token.text in MEANT_WORDS:
            raise self._wrong(token, f"{token.text!r} is written {MEANT_WORDS[token.text]!r}.")
        raise self._wrong(token, f"Expected the name of a field, found {token.shown}. {ALLOWED}")

    def _refuse_operator(self, name: str, token: _Token) -> NoReturn:
        meant = MEANT.get(token.text)
        if meant:
            raise self._wrong(token, f"There is no operator {token.text!r}; write {meant!r}. {ALLOWED}")
        if token.kind == "end":
            raise self._wrong(token, f"The field {name!r} is compared with nothing. {ALLOWED}")
        hint = nearest(token.text, ["in", "exists"]) if token.kind == "word" else ""
        raise self._wrong(token, f"Expected an operator after {name!r}, found {token.text!r}.{hint} {ALLOWED}")

    def _values(self) -> tuple[Scalar, ...]:
        opened = self._next()
        if not opened.is_mark("("):
            raise self._wrong(opened, "After 'in' comes a list in parentheses: lang in (de, en).")
        values = [self._value()]
        while self._peek().is_mark(","):
            self._next()
            values.append(self._value())
        self._close()
        return tuple(values)

    def _value(self) -> Scalar:
        token = self._next()
        if token.kind not in {"quoted", "word"}:
            raise self._wrong(
                token,
                f"Expected a value, found {token.shown}. Allowed: words, numbers, texts in quotes, true, false, null.",
            )
        try:
            return checked(_read(token))
        except InputError as error:
            raise self._wrong(token, str(error)) from None

    def _close(self) -> None:
        token = self._next()
        if not token.is_mark(")"):
            raise self._wrong(token, f"Expected ')', found {token.shown}.")

    def _peek(self) -> _Token:
        return self._tokens[self._at]

    def _next(self) -> _Token:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _wrong(self, token: _Token, message: str) -> InputError:
        return _error(self._text, token.start, message)


def _read(token: _Token) -> Scalar:
    if token.kind == "quoted":
        return _unquoted(token)
    if token.text.casefold() in CONSTANTS:
        return CONSTANTS[token.text.casefold()]
    if not _NUMBER.fullmatch(token.text):
        return token.text
    return float(token.text) if re.search("[.eE]", token.text) else int(token.text)


def _unquoted(token: _Token) -> str:
    return _ESCAPE.sub(
        lambda found: chr(int(found[1], 16)) if found[1] else ESCAPES.get(found[2], found[2]), token.text[1:-1]
    )
