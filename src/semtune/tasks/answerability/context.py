"""The hits of a search as one context for a language model: numbered, without repeats, within so many tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from semtune.errors import ConfigError
from semtune.prepare.dedupe.near_duplicates import Rarity, fingerprint, similarity
from semtune.sentences import units
from semtune.text import contains, key
from semtune.types import Hit

NEAR = 0.8  # similarity of shingles and rare words from which a passage says nothing new
LEAST_OVERLAP = 20  # characters; fewer may be alike by chance
Count = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Cited:
    """A passage of the index, and where its text is in its source file, where that is known."""

    id: str
    span: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Source:
    """A numbered piece of the context.

    Attributes:
        number: that citations name, from 1.
        title: of the passages.
        text: that the language model reads.
        passages: the hits that were joined into it, in the order of the text.
        span: of the text in its source file; None if it is not known. It is that of whole passages: sentences that
            stand elsewhere in the context already are left out of the text.
        score: of its best hit.
        metadata: of its best hit.
    """

    number: int
    title: str
    text: str
    passages: tuple[Cited, ...]
    span: tuple[int, int] | None
    score: float
    metadata: Mapping[str, Any]

    @property
    def line(self) -> str:
        """Where it comes from, for people: number, title, file, headings, position, address."""
        about = self.metadata
        places = filter(None, [about.get("source"), *(about.get("headings") or [])])
        place = " > ".join(dict.fromkeys(map(str, places)))
        span = f"characters {self.span[0]}-{self.span[1]}" if self.span else ""
        shown = [self.title or self.passages[0].id, place, span, str(about.get("url") or "")]
        return f"[{self.number}] " + ", ".join(filter(None, shown))


@dataclass(frozen=True, slots=True)
class Context:
    """What a language model reads, and what became of the hits: every one is in a source or counted.

    Attributes:
        sources: the best first.
        tokens: of the texts and titles.
        joined: hits that overlap with another one and were joined to it.
        repeated: hits that say what another one says, and were left out.
        unfit: hits for which there was no room.
        cut: the last source was cut behind a sentence.
    """

    sources: tuple[Source, ...]
    tokens: int
    joined: int
    repeated: int
    unfit: int
    cut: bool

    @property
    def text(self) -> str:
        """The sources under their numbers, as they are shown to a language model."""
        return "\n\n".join(f"[{each.number}] {each.title}".rstrip() + f"\n{each.text}" for each in self.sources)


@dataclass(slots=True)
class _Piece:
    hits: list[Hit]
    text: str
    span: tuple[int, int] | None
    order: list[Hit] = field(default_factory=list)


def about_tokens(text: str) -> int:
    """About as many tokens as a chat model counts: words and a third, or a token for four bytes; the larger number."""
    return max(len(text.split()) * 4 // 3, len(text.encode("utf-8", "replace")) // 4) + 1


def make_context(hits: Sequence[Hit], tokens: int = 2000, count: Count = about_tokens) -> Context:
    """Join hits to a context of at most so many tokens.

    Passages of one file that overlap become one; passages that say nearly the same as a better one are left out; a
    sentence that stands in the context already is not repeated.

    Args:
        hits: of a search, the best first.
        tokens: of all sources together, with their titles.
        count: the tokens of a text, by the language model's tokenizer; without one they are estimated.

    Raises:
        ConfigError: `tokens` is not positive.
    """
    if tokens < 1:
        raise ConfigError(f"A context of {tokens} tokens holds nothing. Give a number of tokens such as 2000.")
    pieces, joined, repeated = _pieces(hits)
    seen: set[str] = set()
    sources: list[Source] = []
    left, cut, fitted = tokens, False, 0
    for piece in pieces:
        best = piece.hits[0]
        room = left - count(f"[{len(sources) + 1}] {best.title}")
        text, used, whole = _fill(piece.text, room, count, seen)
        if not text:
            if not whole:
                break  # no room for another sentence
            repeated += len(piece.hits)  # every sentence stands elsewhere
            fitted += len(piece.hits)
            continue
        left = room - used
        fitted += len(piece.hits)
        cited = tuple(Cited(hit.id, _span(hit)) for hit in piece.order)
        sources.append(
            Source(len(sources) + 1, best.title, text, cited, piece.span, best.score, dict(best.metadata))
        )  # fmt: skip
        if not whole:
            cut = True
            break
    in_pieces = sum(len(piece.hits) for piece in pieces)
    return Context(tuple(sources), tokens - left, joined, repeated, in_pieces - fitted, cut)


def _pieces(hits: Sequence[Hit]) -> tuple[list[_Piece], int, int]:
    """Hits joined where they overlap, without those that say nothing new."""
    rarity = Rarity([fingerprint(hit.text) for hit in hits])
    pieces: list[_Piece] = []
    joined = repeated = 0
    for hit in hits:
        if any(_says(piece, hit, rarity) for piece in pieces):
            repeated += 1
        elif any(_joined(piece, hit) for piece in pieces):
            joined += 1
        else:
            pieces.append(_Piece([hit], hit.text.strip(), _span(hit), [hit]))
    return pieces, joined, repeated


def _says(piece: _Piece, hit: Hit, rarity: Rarity) -> bool:
    """Whether a piece says what a hit says."""
    if contains(piece.text, hit.text) or not key(hit.text):
        return True
    return any(similarity(fingerprint(other.text), fingerprint(hit.text), rarity, NEAR) >= NEAR for other in piece.hits)


def _joined(piece: _Piece, hit: Hit) -> bool:
    """Join a hit to a piece of the same file that it overlaps with; whether that was possible."""
    source = hit.metadata.get("source")
    if not source or source != piece.hits[0].metadata.get("source"):
        return False
    text = hit.text.strip()
    before, after = _overlap(text, piece.text), _overlap(piece.text, text)
    if max(before, after) < LEAST_OVERLAP:
        return False
    if after >= before:
        piece.text += text[after:]
        piece.order.append(hit)
    else:
        piece.text = text + piece.text[before:]
        piece.order.insert(0, hit)
    piece.hits.append(hit)
    span = _span(hit)
    piece.span = (min(piece.span[0], span[0]), max(piece.span[1], span[1])) if piece.span and span else None
    return True


def _overlap(first: str, second: str) -> int:
    """How many characters the end of one text shares with the beginning of another: the longest such run.

    By the border of `second + first` (Knuth, Morris & Pratt 1977), in linear time.
    """
    size = min(len(first), len(second))
    joined = f"{second[:size]}\0{first[len(first) - size :]}"
    border = [0] * len(joined)
    for at in range(1, len(joined)):
        length = border[at - 1]
        while length and joined[at] != joined[length]:
            length = border[length - 1]
        border[at] = length + (joined[at] == joined[length])
    return border[-1] if joined else 0


def _fill(text: str, room: int, count: Count, seen: set[str]) -> tuple[str, int, bool]:
    """The sentences of a text that are new and fit, their tokens, and whether all new ones did."""
    kept, used = "", 0
    for unit in units(text):
        name = key(unit.text)
        if name in seen:
            continue
        needed = count(unit.text)
        if used + needed > room:
            return kept.strip(), used, False
        seen.add(name)
        used += needed
        kept += unit.gap + unit.text
    return kept.strip(), used, True


def _span(hit: Hit) -> tuple[int, int] | None:
    place = hit.metadata.get("span")
    if not isinstance(place, list | tuple) or len(place) != 2:
        return None
    return int(place[0]), int(place[1])
