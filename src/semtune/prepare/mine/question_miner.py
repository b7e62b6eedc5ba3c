"""Choosing the negatives of a block of questions: search, guards, random draws, and filling up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice

import numpy as np

from semtune.dataset import Dataset
from semtune.errors import ModelError
from semtune.index.faiss import FaissIndex
from semtune.metrics import unit
from semtune.prepare.mine.given_negatives import given_negatives_kept
from semtune.prepare.mine.guards import Candidate, Guards
from semtune.prepare.mine.known_positives import KnownPositives
from semtune.prepare.mine.mining_report import MiningResult
from semtune.prepare.mine.reranker import RerankerScores
from semtune.prepare.settings import PrepareSettings
from semtune.protocols import Encoder
from semtune.text import key, stable_hash
from semtune.types import Embeddings, Pair

DRAWS = 256  # passages drawn at random for a pair that has too few negatives
COPIES = 1_000  # maximum number of further ranks searched, where that many passages are copies of others
EXAMPLES = 5
SHOWN = 300  # characters of an example


@dataclass(frozen=True, slots=True)
class PairCandidates:
    """A pair, its question's vector, its positive's score, and the candidates that keep the margins, hardest first."""

    place: int
    pair: Pair
    vector: Embeddings
    score: float
    candidates: list[Candidate]


class QuestionMiner:
    """Chooses negatives for questions; everything counted goes into the `result` it was given."""

    def __init__(
        self,
        dataset: Dataset,
        encoder: Encoder,
        index: FaissIndex,
        settings: PrepareSettings,
        seed: int,
        reranker: RerankerScores | None,
        result: MiningResult,
    ) -> None:
        self._corpus = dataset.corpus
        self._known = KnownPositives(dataset, settings.mine_pool)
        self._encoder, self._index, self._settings = encoder, index, settings
        self._seed, self._reranker, self._result = seed, reranker, result
        self._guards = Guards(dataset.corpus, self._known, settings, reranker, result)
        self._stay = given_negatives_kept(dataset.report.get("negatives", {}), result)
        hashes = [stable_hash(f"{p.anchor}\n{p.positive}", seed) for p in dataset.pairs["train"]]
        self._examples = set(sorted(hashes)[:EXAMPLES])

    def mine(
        self, questions: Sequence[str], positions: Mapping[str, list[int]], pairs: Sequence[Pair]
    ) -> dict[int, Pair]:
        """Position → pair with its negatives, for the pairs of a block of questions."""
        vectors = unit_vectors(self._encoder.encode(questions, "query").vectors)
        positives = self._positives([pairs[place].positive for q in questions for place in positions[q]])
        depth = self._settings.mine_ranks[1] + max(self._known.copies(question) for question in questions)
        depth += min(self._known.doubles, COPIES)  # copies of a text take one rank together
        found = self._index.search(vectors, min(depth, len(self._corpus)))
        tasks: list[PairCandidates] = []
        for row, question in enumerate(questions):
            candidates = list(self._candidates(question, found.rows[row].tolist(), found.scores[row].tolist()))
            for place in positions[question]:
                score = float(positives[pairs[place].positive] @ vectors[row])
                within = self._within_margins(pairs[place], candidates, score)
                tasks.append(PairCandidates(place, pairs[place], vectors[row], score, within))
        self._rerank(tasks)
        made = {task.place: complete for task in tasks if (complete := self._complete(task)) is not None}
        self._guards.report_suspects()
        return made

    def _rerank(self, tasks: Sequence[PairCandidates]) -> None:
        """Let the reranker score, all at once, what will most likely be taken."""
        if self._reranker is None:
            return
        self._reranker.forget()
        most = self._settings.hard_negatives
        self._reranker.ask(
            (task.pair.anchor, text)
            for task in tasks
            for text in (task.pair.positive, *(self._corpus[row].content for row, _ in task.candidates[:most]))
        )

    def _positives(self, texts: list[str]) -> dict[str, Embeddings]:
        """Text → vector; texts of the corpus have theirs already."""
        rows = {text: row for text in texts if (row := self._known.row(text)) is not None}
        found = self._index.vectors(np.array(list(rows.values()), dtype=np.int64)) if rows else []
        vectors = dict(zip(rows, found, strict=True))
        if others := [text for text in dict.fromkeys(texts) if text not in rows]:
            vectors.update(zip(others, unit_vectors(self._encoder.encode(others, "document").vectors), strict=True))
        return vectors

    def _candidates(self, question: str, rows: list[int], scores: list[float]) -> Iterator[Candidate]:
        """What is found at the ranks asked for, without what no pair of the question may have."""
        first, last = self._settings.mine_ranks
        relevant = self._known.relevant(question)
        own = self._known.groups(relevant)
        seen: set[int] = set()
        for row, score in zip(rows, scores, strict=True):
            if row < 0 or len(seen) == last:
                return
            text = int(self._known.texts[row])
            if text in relevant or text in seen:
                self._result.refused["relevant" if text in relevant else "same text"] += 1
                continue
            seen.add(text)
            if len(seen) < first:
                continue
            if reason := self._guards.barred(row, own):
                self._result.refused[reason] += 1
            else:
                yield row, score

    def _within_margins(self, pair: Pair, candidates: list[Candidate], positive: float) -> list[Candidate]:
        """The candidates that keep the margins, in the order they are taken."""
        kept = [c for c in candidates if not self._guards.suspicious(pair, c, positive)]
        return [kept[i] for i in self._rng(pair).permutation(len(kept))] if self._settings.mine_sample else kept

    def _complete(self, task: PairCandidates) -> Pair | None:
        """The pair with as many negatives as asked for; None if there is none for it."""
        pair, given = task.pair, self._given(task.pair)
        wanted = self._settings.hard_negatives - len(given)
        has = {self._known.number(text) for text in given}
        taken = self._take(pair, [c for c in task.candidates if int(self._known.texts[c[0]]) not in has], wanted)
        self._result.mined += len(taken)
        if len(taken) < wanted:
            more = self._take(pair, self._drawn(task, taken), wanted - len(taken))
            self._result.filled += len(more)
            taken += more
        negatives = [*given, *(self._corpus[row].content for row, _ in taken)]
        if not negatives:
            self._result.left_out.append(pair.anchor)
            return None
        self._record(pair, taken, task.score)
        self._result.given += len(given)
        self._result.given_each.add(len(given))
        self._result.repeated += self._settings.hard_negatives - len(negatives)
        return replace(pair, negatives=tuple(islice(cycle(negatives), self._settings.hard_negatives)))

    def _given(self, pair: Pair) -> list[str]:
        """The negatives that the source gave, without those marked relevant, and no more than asked for."""
        before = pair.negatives[: self._stay]
        relevant = self._known.relevant(pair.anchor)
        usable = [
            text
            for text in dict.fromkeys(before)
            if key(text) != key(pair.positive) and self._known.number(text) not in relevant
        ][: self._settings.hard_negatives]
        self._result.given_left_out += len(before) - len(usable)
        return usable

    def _take(self, pair: Pair, candidates: Iterable[Candidate], wanted: int) -> list[Candidate]:
        """The first `wanted` that are no near duplicates of the positive and that the reranker lets pass."""
        taken: list[Candidate] = []
        waiting = self._guards.unlike(pair, candidates)
        while len(taken) < wanted and (block := list(islice(waiting, wanted - len(taken)))):
            taken.extend(self._guards.passing_reranker(pair, block))
        return taken

    def _drawn(self, task: PairCandidates, taken: list[Candidate]) -> list[Candidate]:
        """Passages drawn at random from the whole pool that keep the margins."""
        pair = task.pair
        rng, pool = self._rng(pair), self._known.pool
        rows = rng.permutation(pool) if len(pool) <= 4 * DRAWS else rng.choice(pool, DRAWS, replace=False, shuffle=True)
        texts = self._known.texts
        used = self._known.relevant(pair.anchor) | {int(texts[row]) for row, _ in taken}
        used |= {number for text in pair.negatives if (number := self._known.number(text)) is not None}
        own = self._known.groups(self._known.relevant(pair.anchor))
        found: list[Candidate] = []
        for row, score in zip(rows.tolist(), (self._index.vectors(rows) @ task.vector).tolist(), strict=True):
            close = self._guards.too_close(pair, (row, score), task.score)
            if not close and int(texts[row]) not in used and not self._guards.barred(row, own):
                used.add(int(texts[row]))
                found.append((row, score))
        return found

    def _rng(self, pair: Pair) -> np.random.Generator:
        """Seeded by the pair alone: data added elsewhere changes nothing for it."""
        return np.random.default_rng([self._seed, stable_hash(f"{pair.anchor}\n{pair.positive}")])

    def _record(self, pair: Pair, taken: list[Candidate], positive: float) -> None:
        self._result.positive_scores.append(positive)
        self._result.negative_scores.extend(score for _, score in taken)
        if stable_hash(f"{pair.anchor}\n{pair.positive}", self._seed) in self._examples:
            rows = [{"text": self._corpus[row].content[:SHOWN], "score": round(score, 4)} for row, score in taken]
            self._result.examples.append(
                {
                    "anchor": pair.anchor,
                    "positive": pair.positive[:SHOWN],
                    "positive_score": round(positive, 4),
                    "negatives": rows,
                }
            )


def unit_vectors(vectors: Embeddings) -> Embeddings:
    """(n, dim) vectors scaled to length 1; those of length 0 stay.

    Raises:
        ModelError: one holds NaN or infinity.
    """
    if not np.isfinite(vectors).all():
        raise ModelError(
            "The encoder returned vectors with NaN or infinity. Negatives cannot be mined with it; check the model, or "
            "set hard_negatives: 0."
        )
    return unit(vectors)
