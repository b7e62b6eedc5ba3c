"""Passages that fit the backbone: sentences packed up to its limit, counted by its own tokenizer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from semtune.prepare.sentences import Unit, join, units
from semtune.progress import QUIET, Progress
from semtune.types import Role

BATCH = 2_000  # texts a call of the tokenizer: it works on all cores within a call
MIN_BUDGET = 0.5  # the header (title, summary) may take at most the other half of the limit
_WORDS = re.compile(r"\S+\s*")


class TokenCounter(Protocol):
    """Counts tokens as the model does; `semtune.encoders.tokenizer.Tokenizer` is one."""

    def lengths(self, texts: Sequence[str], role: Role = "document") -> list[int]:
        """Tokens each text has, prompt and special tokens included."""
        ...


def count_tokens(
    texts: Sequence[str],
    tokenizer: TokenCounter,
    role: Role = "document",
    progress: Progress = QUIET,
    task: str = "Counting tokens",
) -> list[int]:
    """Tokens each text has with prompt and special tokens, counted in batches."""
    found: list[int] = []
    with progress.track(task, len(texts)) as done:
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            found += tokenizer.lengths(batch, role)
            done(len(batch))
    return found


def chunk(
    texts: Sequence[str], headers: Sequence[str], tokenizer: TokenCounter, limit: int, progress: Progress = QUIET
) -> list[list[str]]:
    """Cut each text into passages that fit into `limit` tokens together with their header.

    Args:
        texts: (n,) what to cut.
        headers: (n,) what is put before each passage of a text when it is served (title, summary).
        tokenizer: the backbone's.
        limit: the backbone's limit, special tokens included.
        progress: where to show it.

    Returns:
        (n,) lists of passages. A header longer than half the limit leaves half the limit to its passages,
        which are then truncated by the encoder; the caller counts them.
    """
    overhead = tokenizer.lengths([""])[0]
    room = limit - overhead
    heads = [length - overhead for length in count_tokens(headers, tokenizer)]
    budgets = [max(room - head, int(room * MIN_BUDGET), 1) for head in heads]
    split = [units(text) for text in texts]
    flat = [unit.text for found in split for unit in found]
    lengths = iter(count_tokens(flat, tokenizer, progress=progress, task="Cutting passages"))
    passages: list[list[str]] = []
    for found, budget in zip(split, budgets, strict=True):
        sized = [(unit, next(lengths) - overhead) for unit in found]
        passages.append(_pack(_fitting(sized, budget, tokenizer, overhead), budget))
    return passages


def _pack(sized: list[tuple[Unit, int]], budget: int) -> list[str]:
    packed: list[list[Unit]] = []
    used = 0
    for unit, length in sized:
        if packed and used + length <= budget:
            packed[-1].append(unit)
            used += length
        else:
            packed.append([unit])
            used = length
    return [text for pieces in packed if (text := join(pieces)).strip()]


def _fitting(
    sized: list[tuple[Unit, int]], budget: int, tokenizer: TokenCounter, overhead: int
) -> list[tuple[Unit, int]]:
    """Replace units that are longer than the budget by pieces of them."""
    found: list[tuple[Unit, int]] = []
    for unit, length in sized:
        if length <= budget:
            found.append((unit, length))
            continue
        for number, (piece, size) in enumerate(_pieces(unit.text, budget, tokenizer, overhead)):
            gap = unit.gap if number == 0 else ""
            found.append((Unit(piece, gap, prose=False), size))
    return found


def _pieces(text: str, budget: int, tokenizer: TokenCounter, overhead: int) -> list[tuple[str, int]]:
    """Cut at words; a word that alone is too long is halved until it fits."""
    words = _WORDS.findall(text)
    sizes = [length - overhead for length in count_tokens(words, tokenizer)]
    pieces: list[tuple[str, int]] = []
    todo = list(zip(words, sizes, strict=True))[::-1]
    while todo:
        word, size = todo.pop()
        if size > budget and len(word) > 1:
            halves = [word[: len(word) // 2], word[len(word) // 2 :]]
            todo += list(zip(halves, (length - overhead for length in tokenizer.lengths(halves)), strict=True))[::-1]
        elif pieces and pieces[-1][1] + size <= budget:
            pieces[-1] = (pieces[-1][0] + word, pieces[-1][1] + size)
        else:
            pieces.append((word, size))
    return [
        (piece.rstrip() if number == len(pieces) - 1 else piece, size) for number, (piece, size) in enumerate(pieces)
    ]
