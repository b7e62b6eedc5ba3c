"""A second opinion on candidates: slower and better than the encoder, so each is asked for once and many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from semtune.errors import ModelError

QuestionPassage = tuple[str, str]  # question, passage


class Reranker(Protocol):
    """A cross-encoder, say: reads a question and a passage together."""

    def __call__(self, pairs: Sequence[QuestionPassage]) -> Sequence[float]:
        """Score how well each passage answers its question; bigger is better, best between 0 and 1."""
        ...


class RerankerScores:
    """A judge's scores, remembered while a block of questions is worked on.

    Attributes:
        asked: question-passage pairs scored so far.
    """

    def __init__(self, judge: Reranker) -> None:
        self.asked = 0
        self._judge = judge
        self._scores: dict[QuestionPassage, float] = {}

    def ask(self, pairs: Iterable[QuestionPassage]) -> None:
        """Have all of these scored at once; those that were are not asked about again.

        Raises:
            ModelError: the judge gives another number of scores, or some that are no numbers.
        """
        new = [pair for pair in dict.fromkeys(pairs) if pair not in self._scores]
        if not new:
            return
        scores = [float(score) for score in self._judge(new)]
        if len(scores) != len(new) or not np.isfinite(scores).all():
            raise ModelError(
                f"The judge of hard negatives gave {len(scores)} scores for {len(new)} pairs, or some that are no numbers."
            )
        self.asked += len(new)
        self._scores.update(zip(new, scores, strict=True))

    def of(self, question: str, texts: Sequence[str]) -> list[float]:
        """A score for each text."""
        pairs = [(question, text) for text in texts]
        self.ask(pairs)
        return [self._scores[pair] for pair in pairs]

    def forget(self) -> None:
        """Let go of the scores: the next block has other questions."""
        self._scores.clear()
