"""Similarity: does the cosine rank sentence pairs as people do?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from semtune.evaluate.kinds.texts import Texts, begin, item_ids
from semtune.evaluate.result import Scores, Values
from semtune.metrics import pearson, spearman
from semtune.progress import Progress
from semtune.protocols import Encoder
from semtune.types import ScoredPair


def score_similarity(encoder: Encoder, pairs: Sequence[ScoredPair], progress: Progress) -> Scores:
    """Spearman's and Pearson's correlation of the cosine with human scores.

    As in sentence-transformers' `EmbeddingSimilarityEvaluator`; both sides have the role "query", as E5 recommends for
    symmetric tasks.
    """
    texts = Texts(encoder, (text for pair in pairs for text in (pair.sentence1, pair.sentence2)), "query", progress)
    cosine = cosines(texts, [pair.sentence1 for pair in pairs], [pair.sentence2 for pair in pairs])
    gold = np.array([pair.score for pair in pairs], dtype=np.float64)
    return replace(
        begin("similarity", encoder, {"sentences": texts}, {"pairs": len(pairs)}),
        metrics={"spearman": _or_nan(spearman, cosine, gold), "pearson": _or_nan(pearson, cosine, gold)},
        query_ids=item_ids([p.sentence1 for p in pairs], [p.sentence2 for p in pairs], gold.tolist()),
        similarities=cosine,
        gold=gold,
        items=tuple((pair.sentence1, pair.sentence2, f"people {pair.score:.2f}") for pair in pairs),
        answers=tuple(f"cosine {value:.2f}" for value in cosine),
    )


def cosines(texts: Texts, left: Sequence[str], right: Sequence[str]) -> Values:
    """(n,) cosine of each left text with its right text."""
    one, two = texts.vectors(left).astype(np.float64), texts.vectors(right).astype(np.float64)
    return np.einsum("ij,ij->i", one, two)


def _or_nan(correlation: Callable[[Values, Values], float], cosine: Values, gold: Values) -> float:
    usable = len(gold) > 1 and np.isfinite(gold).all() and np.ptp(gold) > 0
    return correlation(cosine, gold) if usable else float("nan")
