"""Hard negatives: passages that an encoder finds close to a question and that do not answer it.

Found by exact search, and taken from the top unless a guard says that they may be answers that nobody labelled.
The guard that decides is the margin to the positive: a negative must score below a share of what the positive
scores ("TopK-PercPos", 95 %, of NV-Retriever, Moreira et al. 2024). What the margins refuse is listed for people to
look at, see `semtune.prepare.review`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import cycle, islice
from typing import Protocol, TypeVar

import numpy as np

from semtune.dataset import Dataset
from semtune.errors import InputError, ModelError
from semtune.index.faiss import FaissIndex
from semtune.prepare.known import Known
from semtune.prepare.mined import Mined
from semtune.prepare.review import suspect_id
from semtune.prepare.settings import PrepareSettings
from semtune.prepare.text import key, stable_hash
from semtune.progress import QUIET, Progress
from semtune.types import Document, Embeddings, Encoder, Pair, Suspect

PASSAGES = 1_024  # encoded at a time
QUESTIONS = 256  # encoded and searched at a time
DRAWS = 256  # passages drawn at random for a pair that has too few negatives
EXAMPLES = 5
SHOWN = 300  # characters of an example
OUTSIDE = {"not-held-out": "held out", "train": "no answer to train", "all": ""}

T = TypeVar("T")
Candidate = tuple[int, float]  # position in the corpus, score


class Judge(Protocol):
    """A second opinion on candidates, a cross-encoder say; slower and better than the encoder."""

    def __call__(self, query: str, texts: Sequence[str]) -> Sequence[float]:
        """Score how well each of the texts answers the query; bigger is better, best between 0 and 1."""
        ...


def mine(
    dataset: Dataset,
    encoder: Encoder,
    settings: PrepareSettings,
    seed: int = 0,
    progress: Progress = QUIET,
    judge: Judge | None = None,
) -> Mined:
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
        judge: asked about what would be taken; the positive is scored by it too.

    Raises:
        InputError: the data set has no training pairs or no corpus, or all pairs would be left out.
        ModelError: the encoder gives vectors that are no numbers.
    """
    pairs = dataset.pairs.get("train", [])
    if not pairs or not dataset.corpus:
        raise InputError(
            "Hard negatives are mined for pairs of questions and passages; this data set has no "
            f"{'training pairs' if not pairs else 'corpus'}. Set hard_negatives: 0."
        )
    contract = encoder.contract
    names = {"name": contract.name, "fingerprint": contract.fingerprint, "runtime": encoder.runtime}
    mined = Mined(settings.hard_negatives, names)
    index = FaissIndex.flat(_encoded(dataset.corpus, encoder, mined, progress), contract.dimension)
    miner = _Miner(dataset, encoder, index, settings, seed, judge, mined)
    homes: dict[str, list[int]] = {}
    for place, pair in enumerate(pairs):
        homes.setdefault(pair.anchor, []).append(place)
    made: dict[int, Pair] = {}
    with progress.track("mine negatives", len(homes)) as advance:
        for block in _blocks(list(homes), QUESTIONS):
            made.update(miner.mine(block, homes, pairs))
            advance(len(block))
    if not made:
        raise InputError(
            f"No negative could be mined for any of {len(pairs):,} pairs: {dict(mined.refused)} were refused. Give more "
            "passages, loosen mine_margin, or set hard_negatives: 0."
        )
    dataset.pairs["train"] = [made[place] for place in range(len(pairs)) if place in made]
    mined.pairs = len(made)
    mined.sort()
    return mined


class _Miner:
    """Everything that a question's negatives are chosen by."""

    def __init__(
        self,
        dataset: Dataset,
        encoder: Encoder,
        index: FaissIndex,
        settings: PrepareSettings,
        seed: int,
        judge: Judge | None,
        mined: Mined,
    ) -> None:
        self._corpus = dataset.corpus
        self._known = Known(dataset, settings.mine_pool)
        self._encoder, self._index, self._settings = encoder, index, settings
        self._seed, self._judge, self._mined = seed, judge, mined
        earlier = dataset.report.get("negatives", {})  # those that an earlier round mined make room
        self._keep_given = earlier.get("mined", 0) == 0 or earlier.get("given", 0) > 0
        hashes = [stable_hash(f"{p.anchor}\n{p.positive}", seed) for p in dataset.pairs["train"]]
        self._shown = set(sorted(hashes)[:EXAMPLES])
        self._suspects: list[Suspect] = []

    def mine(self, questions: Sequence[str], homes: dict[str, list[int]], pairs: Sequence[Pair]) -> dict[int, Pair]:
        """Place → pair with its negatives, for the pairs of a block of questions."""
        vectors = _unit(self._encoder.encode(questions, "query").vectors)
        positives = self._positives([pairs[place].positive for question in questions for place in homes[question]])
        deep = self._settings.mine_ranks[1] + max(len(self._known.relevant(question)) for question in questions)
        found = self._index.search(vectors, deep)
        made: dict[int, Pair] = {}
        for row, question in enumerate(questions):
            candidates = list(self._candidates(question, found.rows[row].tolist(), found.scores[row].tolist()))
            for place in homes[question]:
                pair = pairs[place]
                score = float(positives[pair.positive] @ vectors[row])
                if (complete := self._complete(pair, candidates, vectors[row], score)) is not None:
                    made[place] = complete
            self._mined.suspect(self._suspects)
            self._suspects = []
        return made

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
            if reason := self._barred(row, own):
                self._mined.refused[reason] += 1
            else:
                yield row, score

    def _barred(self, row: int, own: set[str]) -> str:
        if not self._known.allowed[row]:
            return OUTSIDE[self._settings.mine_pool]
        return "same document" if self._known.group(row) in own else ""

    def _complete(self, pair: Pair, candidates: list[Candidate], vector: Embeddings, positive: float) -> Pair | None:
        """The pair with as many negatives as asked for; None if there is none for it."""
        given = self._given(pair)
        wanted = self._settings.hard_negatives - len(given)
        fine = [c for c in candidates if not self._suspicious(pair, c, positive)]
        if self._settings.mine_sample:
            fine = [fine[i] for i in self._rng(pair).permutation(len(fine))]
        taken = self._take(pair, fine, wanted)
        self._mined.mined += len(taken)
        if len(taken) < wanted:
            more = self._take(pair, self._drawn(pair, taken, vector, positive), wanted - len(taken))
            self._mined.filled += len(more)
            taken += more
        negatives = [*given, *(self._corpus[row].content for row, _ in taken)]
        if not negatives:
            self._mined.left_out.append(pair.anchor)
            return None
        self._note(pair, taken, positive)
        self._mined.given += len(given)
        self._mined.repeated += self._settings.hard_negatives - len(negatives)
        return replace(pair, negatives=tuple(islice(cycle(negatives), self._settings.hard_negatives)))

    def _given(self, pair: Pair) -> list[str]:
        """The negatives that the source gave, without those that are marked relevant, and no more than asked for."""
        if not self._keep_given:
            return []
        relevant = self._known.relevant(pair.anchor)
        fine = [
            text
            for text in dict.fromkeys(pair.negatives)
            if key(text) != key(pair.positive) and self._known.number(text) not in relevant
        ][: self._settings.hard_negatives]
        self._mined.given_left_out += len(pair.negatives) - len(fine)
        return fine

    def _suspicious(self, pair: Pair, candidate: Candidate, positive: float) -> bool:
        """Whether a candidate scores too near the positive; near duplicates of it are no news to anybody."""
        row, score = candidate
        guard = self._margin(score, positive)
        if not guard or self._is_refuted(pair, row):
            return False
        if self._known.alike(row, pair.positive):
            self._mined.refused["near duplicate"] += 1
        else:
            self._refuse(pair, row, score, positive, guard)
        return True

    def _margin(self, score: float, positive: float) -> str:
        """The guard that refuses a score; below 0 the margin still lies below the positive."""
        share, distance = self._settings.mine_margin, self._settings.mine_absolute_margin
        if share is not None and score >= positive - (1.0 - share) * abs(positive):
            return "margin"
        return "absolute margin" if distance is not None and score > positive - distance else ""

    def _refuse(self, pair: Pair, row: int, score: float, positive: float, guard: str) -> None:
        document = self._corpus[row]
        self._mined.refused[guard] += 1
        name = suspect_id(pair.anchor, document.id)
        numbers = round(score, 4), round(positive, 4)
        self._suspects.append(Suspect(name, pair.anchor, document.id, document.content, *numbers, pair.positive, guard))

    def _is_refuted(self, pair: Pair, row: int) -> bool:
        return int(self._known.texts[row]) in self._known.refuted(pair.anchor)

    def _take(self, pair: Pair, candidates: Iterable[Candidate], wanted: int) -> list[Candidate]:
        """The first so many that are no near duplicates of the positive and that the judge lets pass."""
        taken: list[Candidate] = []
        waiting = self._unlike(pair, candidates)
        while len(taken) < wanted and (block := list(islice(waiting, wanted - len(taken)))):
            taken.extend(self._judged(pair, block))
        return taken

    def _unlike(self, pair: Pair, candidates: Iterable[Candidate]) -> Iterator[Candidate]:
        for row, score in candidates:
            if self._known.alike(row, pair.positive):
                self._mined.refused["near duplicate"] += 1
            else:
                yield row, score

    def _judged(self, pair: Pair, block: list[Candidate]) -> list[Candidate]:
        if self._judge is None:
            return block
        positive, *scores = map(
            float, self._judge(pair.anchor, [pair.positive, *(self._corpus[row].content for row, _ in block)])
        )
        passed: list[Candidate] = []
        for candidate, score in zip(block, scores, strict=True):
            near = self._margin(score, positive) or score >= positive
            if near and not self._is_refuted(pair, candidate[0]):
                self._refuse(pair, candidate[0], score, positive, "judge")
            else:
                passed.append(candidate)
        return passed

    def _drawn(self, pair: Pair, taken: list[Candidate], vector: Embeddings, positive: float) -> list[Candidate]:
        """Passages from anywhere in the pool, at random, that keep the margins."""
        rng, total = self._rng(pair), len(self._corpus)
        rows = rng.permutation(total) if total <= 4 * DRAWS else rng.choice(total, DRAWS, replace=False, shuffle=True)
        texts = self._known.texts
        used = self._known.relevant(pair.anchor) | {int(texts[row]) for row, _ in taken}
        used |= {number for text in pair.negatives if (number := self._known.number(text)) is not None}
        own = self._known.groups(self._known.relevant(pair.anchor))
        found: list[Candidate] = []
        for row, score in zip(rows.tolist(), (self._index.vectors(rows) @ vector).tolist(), strict=True):
            near = self._margin(score, positive) and not self._is_refuted(pair, row)
            if not near and int(texts[row]) not in used and not self._barred(row, own):
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


def _encoded(corpus: Sequence[Document], encoder: Encoder, mined: Mined, progress: Progress) -> Iterator[Embeddings]:
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
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
