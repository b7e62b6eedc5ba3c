"""Paraphrase mining: among all possible pairs of sentences, are the duplicates the most similar?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from semtune.errors import InputError
from semtune.evaluate.kinds.pairs import BinaryPair
from semtune.evaluate.kinds.texts import Texts, begin, item_ids
from semtune.evaluate.result import Scores, Values
from semtune.evaluate.retrieval.topk import TopK
from semtune.metrics import Mined
from semtune.progress import Progress
from semtune.protocols import Encoder
from semtune.types import Embeddings

TOP, MOST = 100, 500_000  # neighbours per sentence, pairs in total
CHUNK = 8192


def score_mining(encoder: Encoder, pairs: Sequence[BinaryPair], progress: Progress) -> Scores:
    """Average precision and best F1 of the duplicates among the most similar pairs.

    As in sentence-transformers' `ParaphraseMiningEvaluator`: the 100 nearest neighbours of each sentence, and the
    500,000 best pairs. Only pairs labelled as duplicates count as right.

    Raises:
        InputError: no pair is labelled as a duplicate.
    """
    known = {(p.sentence1, p.sentence2) for p in pairs if p.same and p.sentence1 != p.sentence2}
    if not known:
        raise InputError("No pair is labelled as a duplicate, so there is nothing to find. Give pairs of both classes.")
    sentences = list(dict.fromkeys(text for pair in pairs for text in (pair.sentence1, pair.sentence2)))
    texts = Texts(encoder, sentences, "query", progress)
    row = {text: at for at, text in enumerate(sentences)}
    duplicates = np.array(sorted({tuple(sorted((row[a], row[b]))) for a, b in known}), dtype=np.int64)
    mined = _mine(texts.vectors(sentences), duplicates)
    cut = mined.best_f1()
    counts = {"pairs": len(pairs), "duplicates": len(duplicates), "mined_pairs": len(mined.pairs)}
    named = [(sentences[a], sentences[b]) for a, b in duplicates]
    return replace(
        begin("mining", encoder, {"sentences": texts}, counts),
        metrics={
            "ap": mined.average_precision(),
            "f1": cut.value,
            "precision": cut.precision,
            "recall": cut.recall,
            "f1_threshold": cut.threshold,
        },
        per_query={"ap": _precisions(mined)},
        query_ids=item_ids([a for a, _ in named], [b for _, b in named]),
        items=tuple(named),
        answers=tuple(_places(mined)),
        mined=mined,
    )


def _mine(vectors: Embeddings, duplicates: np.ndarray) -> Mined:
    n = len(vectors)
    best = TopK(vectors, min(TOP + 1, n))  # plus the sentence itself
    for start in range(0, n, CHUNK):
        best.add(vectors[start : start + CHUNK])
    found = best.neighbours()
    one = np.repeat(np.arange(n), found.rows.shape[1])
    two, scores = found.rows.ravel(), found.scores.ravel().astype(np.float64)
    others = one != two
    low, high = np.minimum(one, two)[others], np.maximum(one, two)[others]
    keys, first = np.unique(low * n + high, return_index=True)  # each pair is found twice
    order = np.argsort(-scores[others][first], kind="stable")[:MOST]
    keys, scores = keys[order], scores[others][first][order]
    right = np.isin(keys, duplicates[:, 0] * n + duplicates[:, 1]).astype(np.float64)
    return Mined(np.stack([keys // n, keys % n], axis=1), scores, right, duplicates, n)


def _ranks(mined: Mined) -> np.ndarray:
    """(d,) rank of each duplicate among the mined pairs, from 1; 0 if it was not mined."""
    place = {(int(a), int(b)): rank for rank, (a, b) in enumerate(mined.pairs, start=1)}
    return np.array([place.get((int(a), int(b)), 0) for a, b in mined.duplicates])


def _precisions(mined: Mined) -> Values:
    """(d,) precision at the rank of each duplicate, 0 if it was not mined; their mean is the average precision."""
    ranks = _ranks(mined)
    precision = np.cumsum(mined.right) / np.arange(1, len(mined.right) + 1)
    return np.where(ranks > 0, precision[np.maximum(ranks, 1) - 1], 0.0)


def _places(mined: Mined) -> list[str]:
    return [f"pair {rank:,} of {len(mined.pairs):,}" if rank else "not among the pairs" for rank in _ranks(mined)]
