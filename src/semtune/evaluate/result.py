"""One system's result on one split, and the facts of each kind of evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from semtune.metrics import RETRIEVAL, Mined, average_precision, spearman
from semtune.metrics.statistics import Statistic
from semtune.types import Run, Task

Kind: TypeAlias = Task
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class KindFacts:
    """What there is to know of a kind.

    Attributes:
        main: the metric that decides.
        one, many: what is counted.
        needs: the shape of the data, for people.
    """

    main: str
    one: str
    many: str
    needs: str


KINDS: dict[Kind, KindFacts] = {
    "retrieval": KindFacts("ndcg@10", "query", "queries", "a corpus, queries and qrels"),
    "similarity": KindFacts("spearman", "pair", "pairs", "(sentence1, sentence2, score)"),
    "pairs": KindFacts("ap", "pair", "pairs", "(sentence1, sentence2, label) of two classes, or scores of 0 and 1"),
    "triplets": KindFacts("accuracy", "triplet", "triplets", "(anchor, positive, negative)"),
    "clustering": KindFacts("v_measure", "text", "texts", "(text, label)"),
    "zero-shot": KindFacts("accuracy", "text", "texts", "(text, label) with labels in words"),
    "few-shot": KindFacts("accuracy", "text", "texts", "(text, label) in train, too"),
    "cross-language": KindFacts("accuracy@1", "sentence", "sentences", "a folder of parallel texts or of BEIR folders"),
    "mining": KindFacts("ap", "duplicate", "duplicates", "(sentence1, sentence2, label), 1 for duplicates"),
}
STATISTICS: dict[Kind, Statistic] = {"similarity": spearman, "pairs": average_precision}
"""Kinds whose main metric is a statistic of all items together; of the others but mining it is a mean over items."""

MAIN: dict[Kind, str] = {kind: facts.main for kind, facts in KINDS.items()}
THRESHOLDS = frozenset({"f1_threshold", "accuracy_threshold"})  # neither more nor less of them is better
_WORDS = {
    "ndcg": "nDCG", "mrr": "MRR", "map": "MAP", "recall": "Recall", "precision": "Precision", "hit": "Hit",
    "spearman": "Spearman", "pearson": "Pearson", "ap": "Average precision", "f1": "Best F1", "accuracy": "Accuracy",
    "f1_threshold": "Threshold of F1", "accuracy_threshold": "Threshold of accuracy", "macro_f1": "Macro F1",
    "v_measure": "V-measure", "homogeneity": "Homogeneity", "completeness": "Completeness", "margin": "Mean margin",
}  # fmt: skip
NO_VALUES: Values = np.empty(0)


def label(metric: str) -> str:
    """A metric's name for people: "nDCG@10" for "ndcg@10"."""
    name, at, k = metric.partition("@")
    return f"{_WORDS.get(name, name)}{at}{k}"


LABELS = {name: label(name) for name in (*RETRIEVAL, *MAIN.values(), *_WORDS)}


def with_draws(name: str, draws: Sequence[Values]) -> dict[str, Values]:
    """`per_query` of a metric that was measured several times: the mean of its draws, and each of them."""
    each = {f"{name}/{number}": values for number, values in enumerate(draws, start=1)} if len(draws) > 1 else {}
    return {name: np.mean(draws, axis=0), **each}


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """One system's result on one split.

    Attributes:
        kind: what was evaluated; a key of `KINDS`.
        model, fingerprint, runtime: what was measured, and on what.
        metrics: metric name → value; NaN for all where a vector was not a number.
        per_query: metric name → (items,) values in the order of `query_ids`, their mean is the metric; empty where
            the metric is a statistic of all items together. "accuracy/3" is the third draw of "accuracy".
        query_ids: the judged queries, texts, pairs, rows ...
        run: query id → its best documents and their scores; retrieval only.
        similarities, gold: (pairs,) cosine, and people's score or 1 and 0; only for kinds in `STATISTICS`.
        counts: how many queries, documents, judgements, pairs ... were used, and what was left out.
        truncated: kind of text → how many of them lost their end to the length limit.
        not_finite: texts whose vector holds NaN or infinity.
        seconds: wall-clock time of encoding and searching.
        items, answers: each item in lines, and what the system said of it, for people; empty for retrieval.
        matrix: language asked in → language searched → accuracy@1; cross-language only.
        mined: mining only.
        collapsed: every text got the same vector.
    """

    kind: Kind
    model: str
    fingerprint: str
    runtime: str
    metrics: Mapping[str, float]
    per_query: Mapping[str, Values] = field(default_factory=dict)
    query_ids: tuple[str, ...] = ()
    run: Run = field(default_factory=dict)
    similarities: Values = field(default_factory=lambda: NO_VALUES)
    gold: Values = field(default_factory=lambda: NO_VALUES)
    counts: Mapping[str, int] = field(default_factory=dict)
    truncated: Mapping[str, int] = field(default_factory=dict)
    not_finite: int = 0
    seconds: float = 0.0
    items: tuple[tuple[str, ...], ...] = ()
    answers: tuple[str, ...] = ()
    matrix: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    mined: Mined | None = None
    collapsed: bool = False

    @property
    def main(self) -> str:
        """The metric that decides."""
        return MAIN[self.kind]

    @property
    def n(self) -> int:
        """How many queries, pairs, texts ... were judged."""
        return len(self.gold) if self.kind in STATISTICS else len(self.query_ids)

    @property
    def draws(self) -> Values:
        """(draws, items) values of the main metric where it was measured several times, else of no rows."""
        named = [values for name, values in self.per_query.items() if name.startswith(f"{self.main}/")]
        return np.stack(named) if named else np.empty((0, self.n))

    def unit(self, n: int | None = None) -> str:
        """What is counted, such as "queries"; in the singular for an `n` of one."""
        return KINDS[self.kind].one if n == 1 else KINDS[self.kind].many
