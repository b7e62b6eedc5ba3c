"""Binary pairs: does the cosine separate pairs that belong together from those that do not?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from semtune.dataset import Dataset
from semtune.errors import InputError
from semtune.evaluate.kinds.similarity import cosines
from semtune.evaluate.kinds.texts import Texts, begin, item_ids
from semtune.evaluate.result import Scores
from semtune.metrics import average_precision, best_accuracy, best_f1
from semtune.progress import Progress
from semtune.protocols import Encoder
from semtune.types import Split

YES = frozenset({"1", "true", "yes", "same", "duplicate", "paraphrase", "entailment", "match", "positive"})
NO = frozenset(
    {
        "0",
        "false",
        "no",
        "different",
        "not_duplicate",
        "not_paraphrase",
        "not_entailment",
        "contradiction",
        "no_match",
        "negative",
    }
)
UNDECIDED = frozenset({"neutral"})


@dataclass(frozen=True, slots=True)
class BinaryPair:
    """Two sentences, and whether they belong together."""

    sentence1: str
    sentence2: str
    same: bool


def binary_pairs(dataset: Dataset, split: Split) -> list[BinaryPair]:
    """The pairs of a split with binary labels; empty if they have other labels or finer scores.

    In inference data, entailment belongs together and contradiction does not; neutral pairs are left out.
    """
    if rows := dataset.labelled_pairs.get(split):
        words = [row.label.strip().lower().removesuffix(".0") for row in rows]
        if not set(words) <= YES | NO | UNDECIDED or not set(words) & YES:
            return []
        return [
            BinaryPair(row.sentence1, row.sentence2, word in YES)
            for row, word in zip(rows, words, strict=True)
            if word not in UNDECIDED
        ]
    scored = dataset.scored.get(split, [])
    if {pair.score for pair in scored} == {0.0, 1.0}:
        return [BinaryPair(pair.sentence1, pair.sentence2, pair.score == 1.0) for pair in scored]
    return []


def score_pairs(encoder: Encoder, pairs: Sequence[BinaryPair], left_out: int, progress: Progress) -> Scores:
    """Average precision of the cosine; the best F1 and the best accuracy with their thresholds.

    As in sentence-transformers' `BinaryClassificationEvaluator`; both sides have the role "query".

    Args:
        encoder: the encoder to measure.
        pairs: of both classes.
        left_out: number of undecided pairs, for the counts.
        progress: shows the encoding.

    Raises:
        InputError: all pairs are in one class.
    """
    gold = np.array([pair.same for pair in pairs], dtype=np.float64)
    if len(set(gold.tolist())) < 2:
        what = "belong together" if gold.all() else "differ"
        raise InputError(f"All {len(pairs)} pairs {what}, so there is nothing to measure. Give pairs of both classes.")
    texts = Texts(encoder, (text for pair in pairs for text in (pair.sentence1, pair.sentence2)), "query", progress)
    cosine = cosines(texts, [pair.sentence1 for pair in pairs], [pair.sentence2 for pair in pairs])
    f1, accuracy = best_f1(cosine, gold), best_accuracy(cosine, gold)
    counts = {"pairs": len(pairs), "pairs_that_belong": int(gold.sum()), "pairs_without_decision": left_out}
    return replace(
        begin("pairs", encoder, {"sentences": texts}, counts),
        metrics={
            "ap": average_precision(cosine, gold),
            "f1": f1.value,
            "precision": f1.precision,
            "recall": f1.recall,
            "f1_threshold": f1.threshold,
            "accuracy": accuracy.value,
            "accuracy_threshold": accuracy.threshold,
        },
        query_ids=item_ids([p.sentence1 for p in pairs], [p.sentence2 for p in pairs], gold.tolist()),
        similarities=cosine,
        gold=gold,
        items=tuple((p.sentence1, p.sentence2, "belong together" if p.same else "differ") for p in pairs),
        answers=tuple(f"cosine {value:.2f}" for value in cosine),
    )
