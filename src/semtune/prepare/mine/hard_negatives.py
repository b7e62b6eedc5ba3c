"""Hard negatives: passages that an encoder finds close to a question and that do not answer it.

Found by exact search, and taken from the top unless a guard says that they may be answers that nobody labelled.
The guard that decides is the margin to the positive: a negative must score below a share of what the positive
scores ("TopK-PercPos", 95 %, of NV-Retriever, Moreira et al. 2024). What the margins refuse is listed for people to
look at, see `semtune.prepare.mine.review`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from typing import Any, TypeVar

import numpy as np

from semtune.dataset import Dataset
from semtune.errors import InputError, ModelError
from semtune.index.faiss import FaissIndex
from semtune.metrics import unit
from semtune.prepare.mine.guards import Candidate, Guards
from semtune.prepare.mine.known_positives import KnownPositives
from semtune.prepare.mine.mining_report import MiningResult
from semtune.prepare.mine.reranker import Reranker, RerankerScores
from semtune.prepare.settings import PrepareSettings
from semtune.progress import QUIET, Progress
from semtune.protocols import Encoder
from semtune.text import key, stable_hash
from semtune.types import Document, Embeddings, Pair

PASSAGES = 1_024  # encoded at a time
QUESTIONS = 256  # encoded and searched at a time
JUDGED = 32  # the same where a judge has to read the candidates: a sign of life every few seconds
DRAWS = 256  # passages drawn at random for a pair that has too few negatives
DOUBLES = 1_000  # places searched beyond those asked for, where that many passages are copies of others
EXAMPLES = 5
SHOWN = 300  # characters of an example

T = TypeVar("T")


def mine(
    dataset: Dataset,
    encoder: Encoder,
    settings: PrepareSettings,
    seed: int = 0,
    progress: Progress = QUIET,
    judge: Reranker | None = None,
) -> MiningResult:
    """Give every training pair exactly `settings.hard_negatives` negatives.

    Refused are, each counted: what a label or pair of any split marks relevant for a question of the same text;
    passages of the same document ("group") as an answer; near duplicates of the positive; what the pool leaves out
    (by default what answers dev or test, with its document, near duplicates and copies); what scores too near the
    positive; what the judge scores too near it. A passage that is labelled 0, judged and not relevant, need not keep
    the margins. Where the ranks hold too few, passages drawn from the whole pool fill up, under the same guards;
    where the corpus holds too few, a pair's own are repeated; a pair without any leaves the train split.

    Memory: the passages' vectors, (n, dim) float32, once; questions are encoded and searched in blocks.

    Args:
        dataset: changed in place: `pairs["train"]`.
        encoder: any; vectors are brought to unit length, so scores are cosines.
        settings: `hard_negatives` above 0, and those that begin with `mine_`.
        seed: of what is drawn at random.
        progress: where to show it.
        judge: asked about what would be taken; the positive is scored by it too. Scores between 0 and 1 are best: the
            margins are held against them as well.

    Raises:
        InputError: the data set has no training pairs or no corpus, or all pairs would be left out.
        ModelError: the encoder or the judge gives what is no number.
    """
    pairs = dataset.pairs.get("train", [])
    if not pairs or not dataset.corpus:
        raise InputError(
            "Hard negatives are mined for pairs of questions and passages; this data set has no "
            f"{'training pairs' if not pairs else 'corpus'}. Set hard_negatives: 0."
        )
    contract = encoder.contract
    names = {"name": contract.name, "fingerprint": contract.fingerprint, "runtime": encoder.runtime}
    mined = MiningResult(settings.hard_negatives, names)
    index = FaissIndex.flat(_encoded(dataset.corpus, encoder, mined, progress), contract.dimension)
    opinions = RerankerScores(judge) if judge is not None else None
    miner = _Miner(dataset, encoder, index, settings, seed, opinions, mined)
    homes: dict[str, list[int]] = {}
    for place, pair in enumerate(pairs):
        homes.setdefault(pair.anchor, []).append(place)
    made: dict[int, Pair] = {}
    with progress.track("mine negatives", len(homes)) as advance:
        for block in _blocks(list(homes), QUESTIONS if judge is None else JUDGED):
            made.update(miner.mine(block, homes, pairs))
            advance(len(block))
    if not made:
        raise InputError(
            f"No negative could be mined for any of {len(pairs):,} pairs: {dict(mined.refused)} were refused. Give more "
            "passages, loosen mine_margin, or set hard_negatives: 0."
        )
    dataset.pairs["train"] = [made[place] for place in range(len(pairs)) if place in made]
    mined.pairs = len(made)
    mined.judged = opinions.asked if opinions else 0
    mined.sort()
    return mined


@dataclass(frozen=True, slots=True)
class _Task:
    """A pair, what it is measured by, and what the guards let pass, hardest first."""

    place: int
    pair: Pair
    vector: Embeddings
    score: float
    fine: list[Candidate]


class _Miner:
    """Everything that a question's negatives are chosen by."""

    def __init__(
        self,
        dataset: Dataset,
        encoder: Encoder,
        index: FaissIndex,
        settings: PrepareSettings,
        seed: int,
        opinions: RerankerScores | None,
        mined: MiningResult,
    ) -> None:
        self._corpus = dataset.corpus
        self._known = KnownPositives(dataset, settings.mine_pool)
        self._encoder, self._index, self._settings = encoder, index, settings
        self._seed, self._opinions, self._mined = seed, opinions, mined
        self._guards = Guards(dataset.corpus, self._known, settings, opinions, mined)
        self._stay = _staying(dataset.report.get("negatives", {}), mined)
        hashes = [stable_hash(f"{p.anchor}\n{p.positive}", seed) for p in dataset.pairs["train"]]
        self._shown = set(sorted(hashes)[:EXAMPLES])

    def mine(self, questions: Sequence[str], homes: dict[str, list[int]], pairs: Sequence[Pair]) -> dict[int, Pair]:
        """Place → pair with its negatives, for the pairs of a block of questions."""
        vectors = _unit(self._encoder.encode(questions, "query").vectors)
        positives = self._positives([pairs[place].positive for question in questions for place in homes[question]])
        deep = self._settings.mine_ranks[1] + max(self._known.copies(question) for question in questions)
        deep += min(self._known.doubles, DOUBLES)  # copies of a text take one place together
        found = self._index.search(vectors, min(deep, len(self._corpus)))
        tasks: list[_Task] = []
        for row, question in enumerate(questions):
            candidates = list(self._candidates(question, found.rows[row].tolist(), found.scores[row].tolist()))
            for place in homes[question]:
                score = float(positives[pairs[place].positive] @ vectors[row])
                fine = self._fine(pairs[place], candidates, score)
                tasks.append(_Task(place, pairs[place], vectors[row], score, fine))
        self._ask(tasks)
        made = {task.place: complete for task in tasks if (complete := self._complete(task)) is not None}
        self._guards.tell()
        return made

    def _ask(self, tasks: Sequence[_Task]) -> None:
        """Have the judge read, all at once, what most likely is taken."""
        if self._opinions is None:
            return
        self._opinions.forget()
        most = self._settings.hard_negatives
        self._opinions.ask(
            (task.pair.anchor, text)
            for task in tasks
            for text in (task.pair.positive, *(self._corpus[row].content for row, _ in task.fine[:most]))
        )

    def _positives(self, texts: list[str]) -> dict[str, Embeddings]:
        """Text → vector; those of the corpus have theirs already."""
        rows = {text: row for text in texts if (row := self._known.row(text)) is not None}
        found = self._index.vectors(np.array(list(rows.values()), dtype=np.int64)) if rows else []
        vectors = dict(zip(rows, found, strict=True))
        if others := [text for text in dict.fromkeys(texts) if text not in rows]:
            vectors.update(zip(others, _unit(self._encoder.encode(others, "document").vectors), strict=True))
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
                self._mined.refused["relevant" if text in relevant else "same text"] += 1
                continue
            seen.add(text)
            if len(seen) < first:
                continue
            if reason := self._guards.barred(row, own):
                self._mined.refused[reason] += 1
            else:
                yield row, score

    def _fine(self, pair: Pair, candidates: list[Candidate], positive: float) -> list[Candidate]:
        """The candidates that keep the margins, in the order they are taken."""
        fine = [c for c in candidates if not self._guards.suspicious(pair, c, positive)]
        return [fine[i] for i in self._rng(pair).permutation(len(fine))] if self._settings.mine_sample else fine

    def _complete(self, task: _Task) -> Pair | None:
        """The pair with as many negatives as asked for; None if there is none for it."""
        pair, given = task.pair, self._given(task.pair)
        wanted = self._settings.hard_negatives - len(given)
        has = {self._known.number(text) for text in given}
        taken = self._take(pair, [c for c in task.fine if int(self._known.texts[c[0]]) not in has], wanted)
        self._mined.mined += len(taken)
        if len(taken) < wanted:
            more = self._take(pair, self._drawn(pair, taken, task.vector, task.score), wanted - len(taken))
            self._mined.filled += len(more)
            taken += more
        negatives = [*given, *(self._corpus[row].content for row, _ in taken)]
        if not negatives:
            self._mined.left_out.append(pair.anchor)
            return None
        self._note(pair, taken, task.score)
        self._mined.given += len(given)
        self._mined.given_each.add(len(given))
        self._mined.repeated += self._settings.hard_negatives - len(negatives)
        return replace(pair, negatives=tuple(islice(cycle(negatives), self._settings.hard_negatives)))

    def _given(self, pair: Pair) -> list[str]:
        """The negatives that the source gave, without those that are marked relevant, and no more than asked for."""
        before = pair.negatives[: self._stay]
        relevant = self._known.relevant(pair.anchor)
        fine = [
            text
            for text in dict.fromkeys(before)
            if key(text) != key(pair.positive) and self._known.number(text) not in relevant
        ][: self._settings.hard_negatives]
        self._mined.given_left_out += len(before) - len(fine)
        return fine

    def _take(self, pair: Pair, candidates: Iterable[Candidate], wanted: int) -> list[Candidate]:
        """The first so many that are no near duplicates of the positive and that the judge lets pass."""
        taken: list[Candidate] = []
        waiting = self._guards.unlike(pair, candidates)
        while len(taken) < wanted and (block := list(islice(waiting, wanted - len(taken)))):
            taken.extend(self._guards.judged(pair, block))
        return taken

    def _drawn(self, pair: Pair, taken: list[Candidate], vector: Embeddings, positive: float) -> list[Candidate]:
        """Passages from anywhere in the pool, at random, that keep the margins."""
        rng, pool = self._rng(pair), self._known.pool
        rows = rng.permutation(pool) if len(pool) <= 4 * DRAWS else rng.choice(pool, DRAWS, replace=False, shuffle=True)
        texts = self._known.texts
        used = self._known.relevant(pair.anchor) | {int(texts[row]) for row, _ in taken}
        used |= {number for text in pair.negatives if (number := self._known.number(text)) is not None}
        own = self._known.groups(self._known.relevant(pair.anchor))
        found: list[Candidate] = []
        for row, score in zip(rows.tolist(), (self._index.vectors(rows) @ vector).tolist(), strict=True):
            near = self._guards.near(pair, (row, score), positive)
            if not near and int(texts[row]) not in used and not self._guards.barred(row, own):
                used.add(int(texts[row]))
                found.append((row, score))
        return found

    def _rng(self, pair: Pair) -> np.random.Generator:
        """Of the pair alone: other data that is added changes nothing for it."""
        return np.random.default_rng([self._seed, stable_hash(f"{pair.anchor}\n{pair.positive}")])

    def _note(self, pair: Pair, taken: list[Candidate], positive: float) -> None:
        self._mined.positive_scores.append(positive)
        self._mined.negative_scores.extend(score for _, score in taken)
        if stable_hash(f"{pair.anchor}\n{pair.positive}", self._seed) in self._shown:
            rows = [{"text": self._corpus[row].content[:SHOWN], "score": round(score, 4)} for row, score in taken]
            self._mined.examples.append(
                {
                    "anchor": pair.anchor,
                    "positive": pair.positive[:SHOWN],
                    "positive_score": round(positive, 4),
                    "negatives": rows,
                }
            )


def _staying(earlier: Mapping[str, Any], mined: MiningResult) -> int | None:
    """How many of each pair's negatives are the source's, which stay; None: all. What a round before mined makes room."""
    each = earlier.get("given_each") or {}
    if not earlier.get("mined", 0) + earlier.get("filled", 0):
        return None
    if each.get("least", 0) == each.get("most", 0):
        return each.get("most", 0)
    mined.warning = (
        "The data set was mined before, and pairs have a different number of negatives of their own: these cannot be told "
        "from those that were mined, so all of them stay. Mine from the source to have new ones."
    )
    return None


def _encoded(
    corpus: Sequence[Document], encoder: Encoder, mined: MiningResult, progress: Progress
) -> Iterator[Embeddings]:
    """Unit vectors of the passages, block by block."""
    with progress.track("encode passages", len(corpus)) as advance:
        for block in _blocks(corpus, PASSAGES):
            encoded = encoder.encode([document.content for document in block], "document")
            mined.truncated += encoded.truncated
            yield _unit(encoded.vectors)
            advance(len(block))


def _blocks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _unit(vectors: Embeddings) -> Embeddings:
    """(n, dim) vectors of length 1; those of length 0 stay.

    Raises:
        ModelError: one holds NaN or infinity.
    """
    if not np.isfinite(vectors).all():
        raise ModelError("The encoder gives vectors that are no numbers; negatives cannot be mined with it.")
    return unit(vectors)
