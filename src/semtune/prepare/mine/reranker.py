"""A reranker's scores of candidates: slower and better than the encoder, so each pair is scored once and in batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeAlias

import numpy as np

from semtune.errors import ModelError

QuestionPassage: TypeAlias = tuple[str, str]


class Reranker(Protocol):
    """Scores a question and a passage together; `semtune.encoders.cross_encoder.CrossEncoderJudge` is one."""

    def __call__(self, pairs: Sequence[QuestionPassage]) -> Sequence[float]:
        """Score how well each passage answers its question; bigger is better, best between 0 and 1."""
        ...


class RerankerScores:
    """A reranker's scores, remembered while a block of questions is processed.

    Attributes:
        asked: question-passage pairs scored so far.
    """

    def __init__(self, reranker: Reranker) -> None:
        self.asked = 0
        self._reranker = reranker
        self._scores: dict[QuestionPassage, float] = {}

    def ask(self, pairs: Iterable[QuestionPassage]) -> None:
        """Score all pairs in one call; pairs with a known score are not scored again.

        Raises:
            ModelError: the reranker returns too few or too many scores, or NaN or infinity.
        """
        new = [pair for pair in dict.fromkeys(pairs) if pair not in self._scores]
        if not new:
            return
        scores = [float(score) for score in self._reranker(new)]
        if len(scores) != len(new) or not np.isfinite(scores).all():
            raise ModelError(
                f"The judge of hard negatives returned {len(scores)} scores for {len(new)} pairs, or scores that are "
                "NaN or infinite. It must return one finite score a pair."
            )
        self.asked += len(new)
        self._scores.update(zip(new, scores, strict=True))

    def of(self, question: str, texts: Sequence[str]) -> list[float]:
        """A score for each text."""
        pairs = [(question, text) for text in texts]
        self.ask(pairs)
        return [self._scores[pair] for pair in pairs]

    def forget(self) -> None:
        """Drop the scores: the next block has other questions."""
        self._scores.clear()
