"""Cutting texts into passages that fit the backbone: sentences are packed up to its limit in its own tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from semtune.prepare.passages.spans import CharacterIndex
from semtune.progress import QUIET, Progress
from semtune.sentences import Unit, join, units
from semtune.types import Role

BATCH = 2_000  # texts per call of the tokenizer, which uses all cores within a call
MIN_BUDGET = 0.5  # share of the limit that is left to the passage, however long its header (title, summary) is
_CUTS = re.compile(r"(?<=\s)(?=\S)|(?<=[，、；：])(?=\S)")  # words, and the clauses of Chinese and Japanese


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage: its text, and its start and end (in characters) in the text it was cut from."""

    text: str
    start: int
    end: int


class TokenCounter(Protocol):
    """Counts tokens as the model does, e.g. `semtune.encoders.tokenizer.Tokenizer`."""

    def lengths(self, texts: Sequence[str], role: Role = "document") -> list[int]:
        """Number of tokens of each text, prompt and special tokens included."""
        ...


def count_tokens(
    texts: Sequence[str],
    tokenizer: TokenCounter,
    role: Role = "document",
    progress: Progress = QUIET,
    task: str = "Counting tokens",
) -> list[int]:
    """Number of tokens of each text, prompt and special tokens included, counted in batches."""
    found: list[int] = []
    with progress.track(task, len(texts)) as done:
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            found += tokenizer.lengths(batch, role)
            done(len(batch))
    return found


def chunk(
    texts: Sequence[str],
    headers: Sequence[str],
    tokenizer: TokenCounter,
    limit: int,
    progress: Progress = QUIET,
    overlap: int = 0,
) -> list[list[Chunk]]:
    """Cut each text into passages that fit into `limit` tokens together with their header.

    Args:
        texts: (n,) texts to cut.
        headers: (n,) text that is put before each passage when it is served (title, summary).
        tokenizer: the backbone's.
        limit: the backbone's limit, special tokens included.
        progress: where to show it.
        overlap: number of sentences (or lines of code) that a passage repeats from the end of the previous one, if
            they fit.

    Returns:
        (n,) lists of passages. If a header is longer than half the limit, its passages get half the limit and are
        truncated by the encoder; the caller counts them.
    """
    overhead = tokenizer.lengths([""])[0]
    room = limit - overhead
    heads = [length - overhead for length in _counted_once(headers, tokenizer)]
    remember = getattr(tokenizer, "remember", None)  # see `semtune.prepare.passages.token_cache`
    budgets = [max(room - head, int(room * MIN_BUDGET), 1) for head in heads]
    split = [units(text) for text in texts]
    flat = [unit.text for found in split for unit in found]
    lengths = iter(count_tokens(flat, tokenizer, progress=progress, task="Cutting passages"))
    passages: list[list[Chunk]] = []
    for text, found, budget in zip(texts, split, budgets, strict=True):
        sized = [(unit, next(lengths) - overhead) for unit in found]
        fitting = _fitting(sized, budget, tokenizer, overhead)
        packed = _within(_pack(fitting, budget, overlap), [unit for unit, _ in fitting], budget, tokenizer, overhead)
        passages.append(_located(text, [unit for unit, _ in fitting], packed))
        if remember is not None:
            _note(passages[-1], packed, fitting, overhead, remember)
    return passages


def _counted_once(texts: Sequence[str], tokenizer: TokenCounter) -> list[int]:
    """Number of tokens of texts, many of which are equal; each distinct text is counted once."""
    distinct = list(dict.fromkeys(texts))
    lengths = dict(zip(distinct, count_tokens(distinct, tokenizer), strict=True))
    return [lengths[text] for text in texts]


def _note(
    made: list[Chunk],
    packed: list[range],
    fitting: list[tuple[Unit, int]],
    overhead: int,
    remember: Callable[[str, int], None],
) -> None:
    """Remember the lengths of passages, as sums over their units, if white space separates the units."""
    if len(made) != len(packed):  # an empty one was left out
        return
    for chunk_, places in zip(made, packed, strict=True):
        if all(fitting[i][0].gap for i in places[1:]):
            remember(chunk_.text, overhead + sum(fitting[i][1] for i in places))


def _pack(sized: list[tuple[Unit, int]], budget: int, overlap: int) -> list[range]:
    """The units of each passage; neighbours share up to `overlap` of them."""
    packed: list[range] = []
    used = 0
    for place, (_, length) in enumerate(sized):
        if packed and used + length <= budget:
            packed[-1] = range(packed[-1].start, place + 1)
            used += length
            continue
        first, used = place, length
        while (
            packed and place - first < overlap and first - 1 > packed[-1].start and used + sized[first - 1][1] <= budget
        ):
            first -= 1
            used += sized[first][1]
        packed.append(range(first, place + 1))
    return packed


def _within(packed: list[range], found: list[Unit], budget: int, tokenizer: TokenCounter, overhead: int) -> list[range]:
    """Halve passages with more tokens than their units have: this happens if no space separates two units."""
    kept: list[range] = []
    doubtful = {n for n, places in enumerate(packed) if any(not found[i].gap for i in places[1:])}
    counted = [n for n in range(len(packed)) if n in doubtful]
    texts = [join([found[i] for i in packed[n]]) for n in counted]
    lengths = dict(zip(counted, tokenizer.lengths(texts), strict=True)) if counted else {}
    for number, places in enumerate(packed):
        if lengths.get(number, 0) - overhead <= budget or len(places) == 1:
            kept.append(places)
        else:
            halves = [places[: len(places) // 2], places[len(places) // 2 :]]
            kept += _within(halves, found, budget, tokenizer, overhead)
    return kept


def _located(text: str, found: list[Unit], packed: list[range]) -> list[Chunk]:
    if len(packed) == 1 and packed[0] == range(len(found)):  # the whole text: most are
        whole = join(found)
        begin, end = len(text) - len(text.lstrip()), len(text.rstrip())
        return [Chunk(whole, begin, end)] if whole.strip() else []
    places = CharacterIndex(text)
    ends = [0]
    for unit in found:
        ends.append(ends[-1] + sum(map(len, unit.text.split())))
    made: list[Chunk] = []
    for inside in packed:
        joined = join([found[i] for i in inside])
        if joined.strip():
            made.append(Chunk(joined, *places.span(ends[inside.start], ends[inside.stop])))
    return made


def _fitting(
    sized: list[tuple[Unit, int]], budget: int, tokenizer: TokenCounter, overhead: int
) -> list[tuple[Unit, int]]:
    """Replace units that exceed the budget by pieces of them."""
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
    """Cut between words; a word that is too long by itself is halved until it fits."""
    words = _CUTS.split(text)
    sizes = [length - overhead for length in count_tokens(words, tokenizer)]
    pieces: list[tuple[str, int]] = []
    todo = list(zip(words, sizes, strict=True))[::-1]
    while todo:
        word, size = todo.pop()
        if size > budget and len(word) > 1:
            halves = [word[: len(word) // 2], word[len(word) // 2 :]]
            todo += list(zip(halves, (length - overhead for length in tokenizer.lengths(halves)), strict=True))[::-1]
            continue
        if pieces and not pieces[-1][0][-1].isspace() and pieces[-1][1] + size <= budget:
            size = tokenizer.lengths([pieces[-1][0] + word])[0] - overhead - pieces[-1][1]  # not always the sum
        if pieces and pieces[-1][1] + size <= budget:
            pieces[-1] = (pieces[-1][0] + word, pieces[-1][1] + size)
        else:
            pieces.append((word, size))
    return [
        (piece.rstrip() if number == len(pieces) - 1 else piece, size) for number, (piece, size) in enumerate(pieces)
    ]
