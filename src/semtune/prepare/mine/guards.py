"""The guards of mining: which passages may not be a question's negative. Refusals are counted and suspects listed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TypeAlias

from semtune.prepare.mine.known_positives import KnownPositives
from semtune.prepare.mine.mining_report import MiningResult
from semtune.prepare.mine.reranker import RerankerScores
from semtune.prepare.mine.review import suspect_id
from semtune.prepare.settings import PrepareSettings
from semtune.types import Document, Pair, Suspect

OUTSIDE = {"not-held-out": "held out", "train": "no answer to train", "all": ""}

Candidate: TypeAlias = tuple[int, float]  # position in the corpus, score


class Guards:
    """Checks candidates against the labels, the margins and the reranker."""

    def __init__(
        self,
        corpus: Sequence[Document],
        known: KnownPositives,
        settings: PrepareSettings,
        reranker: RerankerScores | None,
        result: MiningResult,
    ) -> None:
        self._corpus, self._known, self._settings = corpus, known, settings
        self._reranker, self._result = reranker, result
        self._suspects: list[Suspect] = []

    def barred(self, row: int, own: set[str]) -> str:
        """Why a passage may not be taken: outside the pool, or of a document in `own`; empty if it may."""
        if not self._known.allowed[row]:
            return OUTSIDE[self._settings.mine_pool]
        return "same document" if self._known.group(row) in own else ""

    def too_close(self, pair: Pair, candidate: Candidate, positive: float) -> bool:
        """Whether a candidate breaks a margin and no reviewer found it not relevant."""
        return bool(self._margin(candidate[1], positive)) and not self._is_refuted(pair, candidate[0])

    def suspicious(self, pair: Pair, candidate: Candidate, positive: float) -> bool:
        """Like `too_close`, but counted, and listed for review unless it is a near duplicate of the positive."""
        row, score = candidate
        if not self.too_close(pair, candidate, positive):
            return False
        if self._known.alike(row, pair.positive):
            self._result.refused["near duplicate"] += 1
        else:
            self._refuse(pair, row, score, positive, self._margin(score, positive))
        return True

    def _margin(self, score: float, positive: float) -> str:
        """The margin that a score breaks, or empty; for a negative positive score the margin still lies below it."""
        share, distance = self._settings.mine_margin, self._settings.mine_absolute_margin
        if share is not None and score >= positive - (1.0 - share) * abs(positive):
            return "margin"
        return "absolute margin" if distance is not None and score > positive - distance else ""

    def _refuse(self, pair: Pair, row: int, score: float, positive: float, guard: str) -> None:
        document = self._corpus[row]
        self._result.refused[guard] += 1
        name = suspect_id(pair.anchor, document.id)
        numbers = round(score, 4), round(positive, 4)
        self._suspects.append(Suspect(name, pair.anchor, document.id, document.content, *numbers, pair.positive, guard))

    def _is_refuted(self, pair: Pair, row: int) -> bool:
        return int(self._known.texts[row]) in self._known.refuted(pair.anchor)

    def unlike(self, pair: Pair, candidates: Iterable[Candidate]) -> Iterator[Candidate]:
        """The candidates that are no near duplicates of the positive."""
        for row, score in candidates:
            if self._known.alike(row, pair.positive):
                self._result.refused["near duplicate"] += 1
            else:
                yield row, score

    def passing_reranker(self, pair: Pair, block: list[Candidate]) -> list[Candidate]:
        """The candidates that the reranker does not score too close to the positive; all if there is no reranker."""
        if self._reranker is None:
            return block
        texts = [pair.positive, *(self._corpus[row].content for row, _ in block)]
        positive, *scores = self._reranker.of(pair.anchor, texts)
        passed: list[Candidate] = []
        for candidate, score in zip(block, scores, strict=True):
            close = self._margin(score, positive) or score >= positive
            if close and not self._is_refuted(pair, candidate[0]):
                self._refuse(pair, candidate[0], score, positive, "judge")
            else:
                passed.append(candidate)
        return passed

    def report_suspects(self) -> None:
        """Hand over the suspects of the questions that are done."""
        by_question = groupby(sorted(self._suspects, key=lambda suspect: suspect.query), lambda suspect: suspect.query)
        for _, suspects in by_question:
            self._result.suspect(list(suspects))
        self._suspects = []
