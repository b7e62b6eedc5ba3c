"""How an index should be searched: by vectors, by words or by both, chosen on the dev split by the paired test.

Vectors are the default. Another way is chosen only where it is better by more than chance, so a small dev split changes
nothing. A weight is judged on queries that it was not found on. Only dev is looked at here: test is asked in the chosen
way alone, by `semtune.evaluate.retrieval.served`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from semtune.evaluate.result import label
from semtune.index.collection import Match
from semtune.index.fusion import DEPTH, Fusion, fuse
from semtune.metrics import Scores as Values
from semtune.metrics import compare_means, retrieval
from semtune.metrics.significance import holm
from semtune.text import stable_hash
from semtune.types import Qrels, Run, Split

DENSE, KEYWORD, HYBRID, TUNED = "dense", "keyword", "hybrid", "hybrid, tuned"
METRIC = "ndcg@10"
FEWEST = 20  # queries; with fewer nothing is chosen
FEWEST_TO_TUNE = 40  # queries; with fewer no weight is looked for
WEIGHTS = tuple(round(0.1 * step, 1) for step in range(1, 10))


@dataclass(frozen=True, slots=True)
class ModeChoice:
    """What was chosen, and why.

    Attributes:
        mode: "dense", "keyword" or "hybrid".
        fusion: of the rankings, for "hybrid".
        values: way of searching → its nDCG@10.
        p_values: way of searching → p-value of its difference to vectors, corrected for several comparisons.
        queries: number that were asked.
        split: they are from.
        weight: of the vectors that is best on all of them; None: not looked for.
        given: why nothing was measured, in words; empty where dev decides.
    """

    mode: str
    fusion: Fusion = field(default_factory=Fusion)
    values: Mapping[str, float] = field(default_factory=dict)
    p_values: Mapping[str, float] = field(default_factory=dict)
    queries: int = 0
    split: Split = "dev"
    weight: float | None = None
    given: str = ""

    @property
    def words(self) -> str:
        """The way of searching, for people: "dense", "hybrid (weight of the vectors 0.4)"."""
        return f"hybrid (weight of the vectors {self.fusion.weight:g})" if self._chosen == TUNED else self.mode

    @property
    def sentence(self) -> str:
        """What will be served, and why."""
        if self.given:
            return f"Served: {self.mode} search, since {self.given}."
        if not self.values:
            return f"Served: dense search; {self.queries} {self.split} queries are too few to choose another way."
        best = max((name for name in self.values if name != DENSE), key=lambda name: self.values[name])
        name = best if self.mode == DENSE else self._chosen
        p_value = self.p_values[name]
        chance = f"p = {p_value:.3f}" if p_value >= 0.001 else "p < 0.001"
        compared = (
            f"{label(METRIC)} on {self.queries:,} {self.split} queries: {self.values[name]:.3f} by {name}, "
            f"{self.values[DENSE]:.3f} by vectors alone, {chance}"
        )
        why = "no other way is better by more than chance" if self.mode == DENSE else "it is better than vectors alone"
        return f"Served: {self.mode} search, since {why} ({compared})."

    @property
    def _chosen(self) -> str:
        return TUNED if self.mode == HYBRID and self.fusion.weight is not None else self.mode

    def as_dict(self) -> dict[str, Any]:
        """As it is written to `search_mode.json`."""
        return {
            "mode": self.mode, "fusion": self.fusion.as_dict(), "metric": METRIC, "values": dict(self.values),
            "p_values": dict(self.p_values), "queries": self.queries, "split": self.split, "weight": self.weight,
            "sentence": self.sentence,
        }  # fmt: skip


def choose_mode(
    dense: Run, keyword: Run, qrels: Qrels, split: Split = "dev", alpha: float = 0.01, seed: int = 0
) -> ModeChoice:
    """Choose how to search from both rankings of the same queries.

    Args:
        dense: query → document → similarity, at least the best `DEPTH`.
        keyword: query → document → BM25 score, likewise.
        qrels: of the queries.
        split: that they are from.
        alpha: level of the test.
        seed: of the resampling.
    """
    judged = {query: row for query, row in qrels.items() if any(grade > 0 for grade in row.values())}
    if len(judged) < FEWEST:
        return ModeChoice(DENSE, queries=len(judged), split=split)
    lists = {query: (best_matches(dense.get(query, {})), best_matches(keyword.get(query, {}))) for query in judged}
    each = {
        DENSE: _measured(dense, judged), KEYWORD: _measured(keyword, judged),
        HYBRID: _measured(_fused(lists, Fusion()), judged),
    }  # fmt: skip
    weight = None
    if len(judged) >= FEWEST_TO_TUNE:
        by_weight = {w: _measured(_fused(lists, Fusion(w)), judged) for w in WEIGHTS}
        each[TUNED] = _cross_fitted(by_weight, list(judged))
        weight = _best(by_weight, np.ones(len(judged), dtype=bool))
    compared = {name: compare_means(values, each[DENSE], seed) for name, values in each.items() if name != DENSE}
    p_values = dict(zip(compared, holm([found.p_value for found in compared.values()]), strict=True))
    better = [name for name, found in compared.items() if found.gain > 0 and p_values[name] < alpha]
    name = max(better, key=lambda found: float(each[found].mean()), default=DENSE)
    return ModeChoice(
        HYBRID if name == TUNED else name, Fusion(weight) if name == TUNED else Fusion(),
        {found: float(values.mean()) for found, values in each.items()}, p_values, len(judged), split, weight,
    )  # fmt: skip


def _cross_fitted(by_weight: Mapping[float, Values], queries: Sequence[str]) -> Values:
    """Each query's value with the weight that is best for the other half of the queries."""
    order = sorted(range(len(queries)), key=lambda at: stable_hash(queries[at]))
    half = np.zeros(len(queries), dtype=bool)
    half[order[::2]] = True
    made = np.empty(len(queries))
    for fold in (half, ~half):
        made[fold] = by_weight[_best(by_weight, ~fold)][fold]
    return made


def _best(by_weight: Mapping[float, Values], chosen: np.ndarray) -> float:
    """The weight with the highest mean; of equal ones the nearest to one half."""
    return max(by_weight, key=lambda weight: (round(float(by_weight[weight][chosen].mean()), 9), -abs(weight - 0.5)))


def best_matches(scores: Mapping[str, float]) -> list[Match]:
    """The best `DEPTH` documents of one query, best first; of equal ones, that which stands there first."""
    order = sorted(scores.items(), key=lambda found: -found[1])
    return [Match(*found) for found in order[:DEPTH]]


def _fused(lists: Mapping[str, tuple[list[Match], list[Match]]], fusion: Fusion) -> Run:
    return {query: by_rank(fuse(dense, keyword, fusion)) for query, (dense, keyword) in lists.items()}


def by_rank(matches: Sequence[Match]) -> dict[str, float]:
    """Document → one divided by its rank: equal scores keep the order in which they are served."""
    return {match.id: 1 / rank for rank, match in enumerate(matches, start=1)}


def _measured(run: Run, qrels: Qrels) -> Values:
    return retrieval(qrels, run, (METRIC,))[METRIC]
