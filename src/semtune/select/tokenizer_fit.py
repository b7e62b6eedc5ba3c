"""How well a backbone's vocabulary and maximum length fit the texts, measured with its tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from semtune.encoders.tokenizer import Tokenizer
from semtune.errors import ModelError
from semtune.select.candidates import Candidate


@dataclass(frozen=True, slots=True)
class TokenizerFit:
    """Statistics of a tokenizer on the user's texts.

    Attributes:
        tokens_per_word: tokens without special tokens and prompt, per word between white space; lower is better.
        unknown: share of unknown tokens; 0 for vocabularies that can represent any text.
        truncated: share of the texts that exceed the model's maximum length, including the prompt.
        words, texts: number of words and texts measured.
    """

    tokens_per_word: float
    unknown: float
    truncated: float
    words: int
    texts: int

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)


def measure_fit(candidate: Candidate, texts: Sequence[str]) -> TokenizerFit | None:
    """Tokenize the texts; None if the model has no fast tokenizer, or there are no words."""
    words = sum(len(text.split()) for text in texts)
    try:
        whole = Tokenizer(candidate.folder, candidate.contract)
        bare = Tokenizer(candidate.folder, replace(candidate.contract, prompts={}))
    except ModelError:
        return None
    if not words:
        return None
    limit = candidate.contract.max_length
    tokens, unknown = bare.count(texts)
    truncated = sum(length > limit for length in whole.lengths(texts))
    return TokenizerFit(tokens / words, unknown / tokens if tokens else 0.0, truncated / len(texts), words, len(texts))
