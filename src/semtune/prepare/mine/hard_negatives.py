"""Mining hard negatives: passages that an encoder finds close to a question and that do not answer it.

The search is exact, and negatives are taken from the top unless a guard suspects an answer that nobody labelled. The
guard that matters most is the margin to the positive: a negative must score below a share of the positive's score
("TopK-PercPos", 95 %, of NV-Retriever, Moreira et al. 2024). What the margins refuse is listed for people to review,
see `semtune.prepare.mine.review`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.index.faiss import FaissIndex
from semtune.prepare.mine.mining_report import MiningResult
from semtune.prepare.mine.question_miner import QuestionMiner, unit_vectors
from semtune.prepare.mine.reranker import Reranker, RerankerScores
from semtune.prepare.settings import PrepareSettings
from semtune.progress import QUIET, Progress
from semtune.protocols import Encoder
from semtune.types import Document, Embeddings, Pair

PASSAGES = 1_024  # encoded at a time
QUESTIONS = 256  # encoded and searched at a time
RERANKED = 32  # the same where a reranker reads the candidates: the progress bar moves every few seconds

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

    Each refusal is counted. Refused are: what a label or pair of any split marks relevant for a question of the same
    text; passages of the same document ("group") as an answer; near duplicates of the positive; what the pool excludes
    (by default what answers dev or test, with its document, near duplicates and copies); what scores too close to the
    positive; what the judge scores too close to it. A passage labelled 0 (reviewed, not relevant) is exempt from the
    margins. If the ranks hold too few, passages drawn from the whole pool fill up, under the same guards; if the corpus
    holds too few, a pair's own are repeated; a pair without any leaves the train split.

    Memory: the passages' vectors, (n, dim) float32, once; questions are encoded and searched in blocks.

    Args:
        dataset: changed in place: `pairs["train"]`.
        encoder: any; vectors are scaled to unit length, so scores are cosines.
        settings: `hard_negatives` above 0, and those that begin with `mine_`.
        seed: of what is drawn at random.
        progress: where to show it.
        judge: a reranker that scores the positive and what would be taken. The margins apply to its scores as well, so
            scores between 0 and 1 are best.

    Raises:
        InputError: the data set has no training pairs or no corpus, or no pair got a negative.
        ModelError: the encoder or the judge returns NaN or infinity.
    """
    pairs = _training_pairs(dataset)
    contract = encoder.contract
    names = {"name": contract.name, "fingerprint": contract.fingerprint, "runtime": encoder.runtime}
    result = MiningResult(settings.hard_negatives, names)
    index = FaissIndex.flat(_encoded(dataset.corpus, encoder, result, progress), contract.dimension)
    scores = RerankerScores(judge) if judge is not None else None
    miner = QuestionMiner(dataset, encoder, index, settings, seed, scores, result)
    made = _mine_blocks(miner, pairs, QUESTIONS if judge is None else RERANKED, progress)
    if not made:
        raise InputError(
            f"No negative could be mined for any of {len(pairs):,} pairs; refused: {dict(result.refused)}. Give more "
            "passages, loosen mine_margin, or set hard_negatives: 0."
        )
    dataset.pairs["train"] = [made[place] for place in range(len(pairs)) if place in made]
    result.pairs = len(made)
    result.judged = scores.asked if scores else 0
    result.sort()
    return result


def _training_pairs(dataset: Dataset) -> list[Pair]:
    pairs = dataset.pairs.get("train", [])
    if pairs and dataset.corpus:
        return pairs
    raise InputError(
        "Hard negatives are mined for pairs of questions and passages; this data set has no "
        f"{'training pairs' if not pairs else 'corpus'}. Set hard_negatives: 0."
    )


def _mine_blocks(miner: QuestionMiner, pairs: Sequence[Pair], size: int, progress: Progress) -> dict[int, Pair]:
    """Position → pair with its negatives; pairs of the same question are mined together."""
    positions: dict[str, list[int]] = {}
    for place, pair in enumerate(pairs):
        positions.setdefault(pair.anchor, []).append(place)
    made: dict[int, Pair] = {}
    with progress.track("mine negatives", len(positions)) as advance:
        for block in _blocks(list(positions), size):
            made.update(miner.mine(block, positions, pairs))
            advance(len(block))
    return made


def _encoded(
    corpus: Sequence[Document], encoder: Encoder, result: MiningResult, progress: Progress
) -> Iterator[Embeddings]:
    """Unit vectors of the passages, block by block."""
    with progress.track("encode passages", len(corpus)) as advance:
        for block in _blocks(corpus, PASSAGES):
            encoded = encoder.encode([document.content for document in block], "document")
            result.truncated += encoded.truncated
            yield unit_vectors(encoded.vectors)
            advance(len(block))


def _blocks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
