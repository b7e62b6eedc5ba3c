"""A cache of token lengths: what was counted while cutting passages is not counted again for the report."""

from __future__ import annotations

import re
from collections.abc import Sequence

from semtune.prepare.passages.chunk import TokenCounter, count_tokens
from semtune.progress import QUIET, Progress
from semtune.types import Document, Role

_NOT_SPACE = re.compile(r"[\x1c-\x1f]")  # white space to Python but to no tokenizer


class TokenLengthCache:
    """A tokenizer that remembers the lengths of passages and titles.

    Texts joined by white space have as many tokens as their parts together only if the tokenizer looks at each word by
    itself (`splits_at_spaces`; BERT's do). With other tokenizers nothing is remembered and everything is counted.
    """

    def __init__(self, tokenizer: TokenCounter) -> None:
        self._tokenizer = tokenizer
        self._adds_up = bool(getattr(tokenizer, "splits_at_spaces", False))
        self._special = tokenizer.lengths([""])[0]  # of an empty text: special tokens, and the prompt
        self._known: dict[str, int] = {}

    def lengths(self, texts: Sequence[str], role: Role = "document") -> list[int]:
        """Number of tokens of each text, prompt and special tokens included."""
        return self._tokenizer.lengths(texts, role)

    def remember(self, text: str, length: int) -> None:
        """Store the length of a text whose parts were counted, special tokens included."""
        if self._adds_up and not _NOT_SPACE.search(text):
            self._known[text] = length

    def of(
        self, documents: Sequence[Document], progress: Progress = QUIET, task: str = "Measuring lengths"
    ) -> list[int]:
        """Number of tokens of each document's content; only unknown lengths are counted."""
        if self._adds_up:
            new = [d.title for d in documents if d.text in self._known and d.title and d.title not in self._known]
            new = list(dict.fromkeys(new))
            for title, length in zip(new, count_tokens(new, self._tokenizer), strict=True):
                self.remember(title, length)
        found = [self._sum(document) for document in documents]
        missing = [document.content for document, length in zip(documents, found, strict=True) if length is None]
        counted = iter(count_tokens(missing, self._tokenizer, progress=progress, task=task))
        return [next(counted) if length is None else length for length in found]

    def _sum(self, document: Document) -> int | None:
        text = self._known.get(document.text)
        if text is None or not document.title:
            return text
        title = self._known.get(document.title)
        return None if title is None else title + text - self._special
