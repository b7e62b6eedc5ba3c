"""Measures whether a text's vector depends on the texts beside it.

It must not: an index is filled in batches and searched one query at a time. Padding, masks and kernels that treat
batches of equal length in another way have broken that in other servers. A text's vector alone is the standard.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TypeAlias

import numpy as np

from semtune.errors import GateError
from semtune.types import Embeddings
from semtune.unit_vectors import SHORTEST, unit

Encode: TypeAlias = Callable[[list[str]], Embeddings]  # (n,) texts → (n, dim) vectors
Lengths: TypeAlias = Callable[[list[str]], Sequence[int]]  # (n,) texts → tokens of each, without the limit

LIMITS = {"fp32": 0.9999, "bf16": 0.995, "fp16": 0.995, "int8": 0.9}
"""The lowest cosine allowed, by precision. fp32 differs by rounding alone: 0.9999 lets no error of a mask pass. Half
precisions round to two or three digits, in an order that depends on the batch's shape. int8 scales its activations by
the largest value in the whole batch (onnxruntime's dynamic quantisation), so neighbours count a little; 0.9 is far
below what sound models lose, and far above the vectors of a broken one."""
EQUAL_TOKENS, ROWS = 22, 8  # of the batch of equal lengths; prompt and special tokens come on top
MIXED_TOKENS = (2, 7, 15, 31, 63, 127)
LONGEST_LIMIT = 1024  # tokens; a batch at a higher limit would need too much memory and time
WORDS = (
    "quick", "river", "stone", "light", "under", "window", "paper", "morning", "copper", "between", "garden", "seven",
    "winter", "letter", "along", "bridge", "quiet", "answer", "number", "before", "market", "silver", "around", "table",
    "open", "every", "forest", "second", "kitchen", "against", "yellow", "machine", "lesson", "across", "summer",
    "button", "during", "island", "never", "harbour", "slowly", "candle",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Situation:
    """How far vectors in a batch are from those of the same texts alone: unit vectors' cosine and difference."""

    texts: int
    min_cosine: float
    max_difference: float


@dataclass(frozen=True, slots=True)
class Invariance:
    """What neighbours do to a text's vector, by situation."""

    situations: dict[str, Situation]

    @property
    def min_cosine(self) -> float:
        """The lowest cosine to a text's vector alone; NaN if a vector is not a number."""
        return float(np.min([each.min_cosine for each in self.situations.values()]))

    @property
    def max_difference(self) -> float:
        """The largest difference in a dimension of unit vectors."""
        return float(np.max([each.max_difference for each in self.situations.values()]))

    def as_dict(self, precision: str = "fp32") -> dict[str, object]:
        """The JSON form of `parity.json`."""
        return {
            "min_cosine": self.min_cosine,
            "max_difference": self.max_difference,
            "limit": limit_of(precision),
            "situations": {name: asdict(each) for name, each in self.situations.items()},
        }


def limit_of(precision: str) -> float:
    """The lowest cosine allowed for a precision; for one without a limit of its own that of bf16."""
    return LIMITS.get(precision, LIMITS["bf16"])


def measure_invariance(encode: Encode, lengths: Lengths, limit: int) -> Invariance:
    """Compare the vectors of texts alone with those in a batch.

    Args:
        encode: computes the vectors; a batch must be one batch for the graph, too, or less is measured.
        lengths: counts tokens, with prompt and special tokens.
        limit: of the model, in tokens. The three situations around it are left out above `LONGEST_LIMIT`.
    """
    around = lengths([""])[0]
    equal = [text_of(min(around + EQUAL_TOKENS, limit), lengths, start=5 * row) for row in range(ROWS)]
    short = text_of(min(around + MIXED_TOKENS[0], limit), lengths)
    longer = [around + tokens for tokens in MIXED_TOKENS[1:] if around + tokens <= limit]
    mixed = [short, *(text_of(tokens, lengths, start=tokens) for tokens in longer)]
    edge = {"below_limit": limit - 1, "at_limit": limit, "beyond_limit": limit + limit // 2 + 1}
    texts = {name: text_of(tokens, lengths) for name, tokens in edge.items() if limit <= LONGEST_LIMIT}
    found = {
        "equal_lengths": _situation(encode, equal),
        "mixed_lengths": _situation(encode, mixed),
        **_at_limit(encode, texts, short),
    }
    longest = max([*mixed, *texts.values()], key=len)
    before = encode([short])
    encode([longest])
    found["after_longest"] = difference(before, encode([short]))
    return Invariance(found)


def _situation(encode: Encode, texts: list[str]) -> Situation:
    return difference(alone(encode, texts), encode(texts))


def _at_limit(encode: Encode, texts: dict[str, str], short: str) -> dict[str, Situation]:
    """Each text around the limit, in one batch with the others and a short one."""
    if not texts:
        return {}
    batch = [*texts.values(), short]
    want, got = alone(encode, batch), encode(batch)
    return {name: difference(want[[row, -1]], got[[row, -1]]) for row, name in enumerate(texts)}


def alone(encode: Encode, texts: Sequence[str]) -> Embeddings:
    """The vectors of texts, each embedded by itself, (n, dim)."""
    return np.concatenate([encode([text]) for text in texts])


def difference(want: Embeddings, got: Embeddings) -> Situation:
    """Compare (n, dim) vectors row by row; two zero vectors are equal."""
    nothing = (np.linalg.norm(want, axis=1) <= SHORTEST) & (np.linalg.norm(got, axis=1) <= SHORTEST)
    first, second = unit(want.astype(np.float64)), unit(got.astype(np.float64))  # type: ignore[arg-type]
    cosines = np.where(nothing, 1.0, (first * second).sum(axis=1))
    return Situation(len(want), float(np.min(cosines)), float(np.max(np.abs(first - second))))


def require_invariance(found: Invariance, what: str, precision: str) -> None:
    """Refuse a graph in which neighbours change a text's vector.

    Raises:
        GateError: a cosine is below the precision's limit.
    """
    limit = limit_of(precision)
    if found.min_cosine >= limit:
        return
    worst = min(found.situations, key=lambda name: -np.inf if np.isnan(cosine(found, name)) else cosine(found, name))
    raise GateError(
        f"{what} gives a text another vector beside other texts: the lowest cosine to its vector alone is "
        f"{found.min_cosine:.5f} (required: {limit}; in the situation {worst!r}). What is indexed in batches would not "
        "be found by queries that come alone. Nothing was written."
    )


def cosine(found: Invariance, name: str) -> float:
    """The lowest cosine of one situation."""
    return found.situations[name].min_cosine


def text_of(tokens: int, lengths: Lengths, start: int = 0) -> str:
    """A text of exactly so many tokens, with prompt and special tokens, where the tokenizer allows it.

    Args:
        tokens: wanted.
        lengths: counts tokens.
        start: with which word to begin, so that texts differ.
    """
    words = [WORDS[(start + place) % len(WORDS)] for place in range(tokens)]
    fits = bisect_right(range(len(words) + 1), tokens, key=lambda n: lengths([" ".join(words[:n])])[0]) - 1
    text = " ".join(words[: max(0, fits)])
    while (missing := tokens - lengths([text])[0]) > 0:  # letters are one token each, nearly everywhere
        longer = f"{text}{' a' * missing}".strip()
        if lengths([longer])[0] > tokens:
            break
        text = longer
    return text
