"""What becomes of texts longer than the model reads: their end is cut off, they are refused, or read in windows.

A window is a part of a text that the model reads whole, with the prompt in front. The vector of the text is the mean of
its windows' vectors, each weighted by its number of tokens (prompt and special tokens do not count), of length 1 where
the contract says so.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from semtune.encoders.checked import CheckedEncoder, check_texts
from semtune.encoders.tokenizer import Tokenizer
from semtune.errors import ConfigError, TooLongError, nearest
from semtune.progress import Progress
from semtune.types import TRUNCATE, Encoded, Role, Truncate
from semtune.unit_vectors import unit

WORD = 48  # characters; a longer run without white space may be split


class LongTextEncoder:
    """An encoder that refuses long texts ("error") or reads them in windows ("window")."""

    def __init__(self, encoder: CheckedEncoder, truncate: Truncate) -> None:
        self.contract, self.runtime, self.folder = encoder.contract, encoder.runtime, encoder.folder
        self.truncate: Truncate = truncate
        self.tokenizer = encoder.tokenizer
        self.whole = encoder
        if decode := getattr(encoder, "decode", None):
            self.decode = decode

    def encode(self, texts: Sequence[str], role: Role = "document", progress: Progress | None = None) -> Encoded:
        """Embed `texts`, (n,) → (n, dim) float32, in the order given.

        Raises:
            TooLongError: a text is longer than the model reads, and `truncate` is "error". Nothing is embedded.
        """
        check_texts(texts)
        reader = _Reader(self.tokenizer(role), role, self.contract.part(role).max_length)
        long = reader.too_long(texts)
        if not long:
            return self.whole.encode(texts, role, progress)
        if self.truncate == "error":
            raise TooLongError(list(long), list(long.values()), reader.limit, len(texts))
        return self._in_windows(texts, list(long), reader, progress)

    def _in_windows(
        self, texts: Sequence[str], long: Sequence[int], reader: _Reader, progress: Progress | None
    ) -> Encoded:
        parts = [[text] for text in texts]
        for place in long:
            parts[place] = reader.windows(texts[place])
        pieces = [piece for each in parts for piece in each]
        made = self.whole.encode(pieces, reader.role, progress)
        starts = np.cumsum([0, *(len(each) for each in parts)])
        vectors = made.vectors[starts[:-1]].copy()
        for place in long:
            rows = slice(starts[place], starts[place + 1])
            weights = np.array(reader.own_tokens(parts[place]), np.float64)
            vectors[place] = np.average(made.vectors[rows], axis=0, weights=weights if weights.any() else None)
        if self.contract.normalize:
            vectors[long] = unit(vectors[long])
        lengths = None if made.lengths is None else np.add.reduceat(made.lengths, starts[:-1])
        beyond = np.zeros(len(texts), np.int32)
        return Encoded(vectors, made.tokens, 0, lengths, beyond > 0, beyond)


class _Reader:
    """Counts a model's tokens and splits texts that are too long for it."""

    def __init__(self, tokenizer: Tokenizer, role: Role, limit: int) -> None:
        self.role: Role = role
        self.limit = limit
        self._tokenizer = tokenizer
        self._around = tokenizer.lengths([""], role)[0]  # prompt and special tokens

    def too_long(self, texts: Sequence[str]) -> dict[int, int]:
        """Position → tokens beyond the limit, of the texts that are too long."""
        lengths = self._tokenizer.lengths(texts, self.role)
        return {place: n - self.limit for place, n in enumerate(lengths) if n > self.limit}

    def own_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text without prompt and special tokens."""
        return [max(0, n - self._around) for n in self._tokenizer.lengths(texts, self.role)]

    def windows(self, text: str) -> list[str]:
        """A text in parts that the model reads whole; a prompt that fills the limit leaves no room to split."""
        room = self.limit - self._around
        return self._within(text, room) if room > 0 else [text]

    def _within(self, text: str, room: int) -> list[str]:
        found: list[str] = []
        for part in split(text, self._tokenizer.offsets(text), room):
            # A part by itself may have more tokens than within the text, where a tokenizer joins across words.
            over = room > 1 and self._tokenizer.lengths([part], self.role)[0] > self.limit
            found += self._within(part, room * 3 // 4) if over else [part]
        return found


def split(text: str, offsets: Sequence[tuple[int, int]], room: int) -> list[str]:
    """Split a text into parts of at most `room` tokens, between words where they are not very long.

    Args:
        text: of any length.
        offsets: first and last character (exclusive) of each token.
        room: tokens of a part, at least 1.
    """
    begins = [first for first, _ in offsets]
    parts, start = [], 0
    while (token := bisect_left(begins, start)) + room < len(begins):
        end = max(begins[token + room], start + 1)
        end = _after_space(text, start, end)
        parts.append(text[start:end].strip())
        start = end
    parts.append(text[start:].strip())
    return [part for part in parts if part] or [text]


def _after_space(text: str, start: int, end: int) -> int:
    """The last place beside white space up to `end`, if it is near."""
    if text[end].isspace():  # tokenizers such as SentencePiece count a space to the word after it
        return end
    for place in range(end, max(start, end - WORD), -1):
        if text[place - 1].isspace():
            return place
    return end


def parse_truncate(text: str) -> Truncate:
    """Check what is to become of long texts.

    Raises:
        ConfigError: it is none of cut, error and window.
    """
    for allowed in TRUNCATE:
        if text == allowed:
            return allowed
    raise ConfigError(f"truncate is {text!r}. Allowed: {', '.join(TRUNCATE)}.{nearest(text, TRUNCATE)}")


def with_truncate(encoder: CheckedEncoder | LongTextEncoder, truncate: Truncate) -> CheckedEncoder | LongTextEncoder:
    """The same encoder with another rule for long texts."""
    whole = encoder.whole if isinstance(encoder, LongTextEncoder) else encoder
    return whole if truncate == "cut" else LongTextEncoder(whole, truncate)
