"""One system's result on one split, and the facts of each kind of evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from semtune.evaluate.language_pairs import LanguagePair, LanguageTexts
from semtune.metrics import RETRIEVAL, Mined, average_precision, spearman
from semtune.metrics.statistics import Statistic
from semtune.types import Run, Task

Kind: TypeAlias = Task
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class KindFacts:
    """Facts about a kind of evaluation.

    Attributes:
        main: the deciding metric.
        one, many: name of an item, singular and plural.
        needs: the data that it needs, for people.
    """

    main: str
    one: str
    many: str
    needs: str


KINDS: dict[Kind, KindFacts] = {
    "retrieval": KindFacts("ndcg@10", "query", "queries", "a corpus, queries and qrels"),
    "similarity": KindFacts("spearman", "pair", "pairs", "(sentence1, sentence2, score)"),
    "classification": KindFacts("accuracy", "text", "texts", "(text, label), in train and test"),
    "pairs": KindFacts("ap", "pair", "pairs", "(sentence1, sentence2, label) of two classes, or scores of 0 and 1"),
    "triplets": KindFacts("accuracy", "triplet", "triplets", "(anchor, positive, negative)"),
    "clustering": KindFacts("v_measure", "text", "texts", "(text, label)"),
    "zero-shot": KindFacts("accuracy", "text", "texts", "(text, label) with labels in words"),
    "few-shot": KindFacts("accuracy", "text", "texts", "(text, label), also in train"),
    "cross-language": KindFacts("accuracy@1", "sentence", "sentences", "a folder of parallel texts or of BEIR folders"),
    "mining": KindFacts("ap", "duplicate", "duplicates", "(sentence1, sentence2, label), 1 for duplicates"),
}
STATISTICS: dict[Kind, Statistic] = {"similarity": spearman, "pairs": average_precision}
"""Kinds whose main metric is a statistic of all items. For the other kinds except mining it is a mean over items."""

MAIN: dict[Kind, str] = {kind: facts.main for kind, facts in KINDS.items()}
THRESHOLDS = frozenset({"f1_threshold", "accuracy_threshold"})  # for these neither higher nor lower is better
_WORDS = {
    "ndcg": "nDCG", "mrr": "MRR", "map": "MAP", "recall": "Recall", "precision": "Precision", "hit": "Hit",
    "spearman": "Spearman", "pearson": "Pearson", "ap": "Average precision", "f1": "Best F1", "accuracy": "Accuracy",
    "f1_threshold": "Threshold of F1", "accuracy_threshold": "Threshold of accuracy", "macro_f1": "Macro F1",
    "v_measure": "V-measure", "homogeneity": "Homogeneity", "completeness": "Completeness", "margin": "Mean margin",
    "few_shot_accuracy": "Few-shot accuracy", "few_shot_macro_f1": "Few-shot macro F1",
}  # fmt: skip
NO_VALUES: Values = np.empty(0)


def label(metric: str) -> str:
    """A metric's name for people: "nDCG@10" for "ndcg@10"."""
    name, at, k = metric.partition("@")
    return f"{_WORDS.get(name, name)}{at}{k}"


LABELS = {name: label(name) for name in (*RETRIEVAL, *MAIN.values(), *_WORDS)}


def with_draws(name: str, draws: Sequence[Values]) -> dict[str, Values]:
    """`per_query` of a metric that was measured in several draws: their mean, and each draw."""
    each = {f"{name}/{number}": values for number, values in enumerate(draws, start=1)} if len(draws) > 1 else {}
    return {name: np.mean(draws, axis=0), **each}


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """One system's result on one split.

    Attributes:
        kind: what was evaluated; a key of `KINDS`.
        model, fingerprint, runtime: of the system.
        metrics: metric name → value; all NaN if a vector was not finite.
        per_query: metric name → (items,) values in the order of `query_ids`, whose mean is the metric; empty if the
            metric is a statistic of all items. "accuracy/3" is the third draw of "accuracy".
        query_ids: ids of the labelled queries, texts, pairs ...
        run: query id → its best documents and their scores; retrieval only.
        similarities, gold: (pairs,) cosine, and human score or 1 and 0; only for kinds in `STATISTICS`.
        counts: number of queries, documents, judgements, pairs ... used and left out.
        truncated: kind of text → number of truncated ones.
        not_finite: number of texts whose vector has NaN or infinity.
        seconds: wall-clock time of encoding and searching.
        items, answers: the lines of each item, and the system's answer, for people; empty for retrieval.
        matrix: query language → language searched → accuracy@1; cross-language only.
        language_pairs: the same by item, from a language to itself too; empty if a vector was not finite.
        languages: language → how its texts were read; cross-language only.
        mined: the mined pairs; mining only.
        collapsed: whether all texts have the same vector.
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
    language_pairs: tuple[LanguagePair, ...] = ()
    languages: Mapping[str, LanguageTexts] = field(default_factory=dict)
    mined: Mined | None = None
    collapsed: bool = False

    @property
    def main(self) -> str:
        """The deciding metric."""
        return MAIN[self.kind]

    @property
    def n(self) -> int:
        """Number of labelled queries, pairs, texts ..."""
        return len(self.gold) if self.kind in STATISTICS else len(self.query_ids)

    @property
    def draws(self) -> Values:
        """(draws, items) values of the main metric if it was measured in several draws, else (0, items)."""
        named = [values for name, values in self.per_query.items() if name.startswith(f"{self.main}/")]
        return np.stack(named) if named else np.empty((0, self.n))

    def unit(self, n: int | None = None) -> str:
        """Name of the items, such as "queries"; singular if `n` is 1."""
        return KINDS[self.kind].one if n == 1 else KINDS[self.kind].many
