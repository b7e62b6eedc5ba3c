"""Models as they will be served: each is asked on test in the way that was chosen for it on dev, and in no other.

Beside that, the same models by vectors alone. Each query of test is searched once by vectors and once by words, and the
rankings are fused as an index fuses them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from semtune.dataset import Dataset
from semtune.evaluate.result import Scores
from semtune.evaluate.retrieval.bm25 import keyword_run
from semtune.evaluate.retrieval.exact_search import DEPTH
from semtune.evaluate.retrieval.search_mode import DENSE, KEYWORD, ModeChoice, best_matches, by_rank, choose_mode
from semtune.evaluate.scores import retrieval_scores
from semtune.evaluate.served_way import ServedWay
from semtune.index.collection import Match
from semtune.index.fusion import fuse
from semtune.index.local.words import Words
from semtune.metrics import depth_of
from semtune.progress import QUIET, Progress
from semtune.types import Query, Run

ROUNDING = 6  # digits; equal vectors may differ behind them in a product of matrices
BY_VECTORS = "-dense"
"""End of the name of a system by vectors alone, where it is served otherwise."""


@dataclass(frozen=True, slots=True, eq=False)
class ServedSystems:
    """Systems as they will be served.

    Attributes:
        tuned: the result on test of the model that is judged.
        others: name → result of the others on test.
        beside: "NAME-dense" → result of a model by vectors alone; empty where all models are served by vectors.
        ways: name of a model → how it is searched.
    """

    tuned: Scores
    others: Mapping[str, Scores]
    beside: Mapping[str, Scores] = field(default_factory=dict)
    ways: Mapping[str, ModeChoice] = field(default_factory=dict)


class Ways:
    """Chooses on dev how models are searched, and asks test in that way."""

    def __init__(
        self, data: Dataset, way: ServedWay, alpha: float, seed: int, words: Words, progress: Progress = QUIET
    ) -> None:
        """For one data set.

        Args:
            data: with labelled queries.
            way: what decides.
            alpha: level of the test.
            seed: of the resampling.
            words: the corpus of the data set.
            progress: shown while words are searched; told what was chosen.
        """
        self._data, self._way, self._alpha, self._seed = data, way, alpha, seed
        self._words, self._progress = words, progress
        self._place = {document.id: place for place, document in enumerate(data.corpus)}
        self._dev: Run | None = None
        self._test: Run | None = None

    def choose(self, dev: Scores | None) -> ModeChoice | None:
        """How a model is searched; None where there is no result on dev to choose by.

        Args:
            dev: the model's result on dev, by vectors.
        """
        if not self._way.has_words:
            return ModeChoice(DENSE, given="the index has no full text")
        if self._way.mode != "auto":
            return ModeChoice(self._way.mode, given="the config says so (search.mode)")
        if dev is None or dev.kind != "retrieval" or not self._way.compared:
            return None
        qrels = self._data.qrels["dev"]
        if self._dev is None:
            self._dev = keyword_run(self._data, qrels, DEPTH, self._progress, self._words)
        return choose_mode(self._as_indexed(dev.run), self._dev, qrels, "dev", self._alpha, self._seed)

    def served(self, dense: Scores, way: ModeChoice) -> Scores:
        """A model's result on test in the chosen way.

        Args:
            dense: its result on test by vectors.
            way: as chosen.
        """
        if way.mode == DENSE:
            return dense
        names = tuple(dense.per_query)
        qrels = self._data.qrels["test"]
        if self._test is None:
            self._test = keyword_run(self._data, qrels, max(DEPTH, depth_of(names)), self._progress, self._words)
        run = self._as_indexed(dense.run)
        found = {query: self._ranked(run.get(query, {}), query, way) for query in dense.query_ids}
        made = retrieval_scores(
            dense.model, qrels, [Query(query, "") for query in dense.query_ids], found, dense.counts,
            fingerprint=dense.fingerprint, runtime=f"{dense.runtime}, {way.words} search", truncated=dense.truncated,
            not_finite=dense.not_finite, names=names,
        )  # fmt: skip
        # Words would hide that all vectors are alike.
        return replace(made, seconds=dense.seconds, collapsed=dense.collapsed or _all_alike(dense.run))

    def _as_indexed(self, run: Run) -> Run:
        """A run in which documents of equal similarity stand in the order of the corpus, as in an index."""
        return {
            query: dict(sorted(found.items(), key=lambda item: (-round(item[1], ROUNDING), self._place[item[0]])))
            for query, found in run.items()
        }

    def _ranked(self, dense: Mapping[str, float], query: str, way: ModeChoice) -> dict[str, float]:
        assert self._test is not None  # noqa: S101 - see `served`
        keyword = self._test.get(query, {})
        if way.mode == KEYWORD:
            return by_rank([Match(*found) for found in keyword.items()])
        return by_rank(fuse(best_matches(dense), best_matches(keyword), way.fusion))


def as_served(
    ways: Ways | None, test: Mapping[str, Scores], dev: Mapping[str, Scores], models: frozenset[str]
) -> ServedSystems:
    """Every model in the way that dev chose for it; the other systems as they are.

    Args:
        ways: chooses; None: everything is served by vectors.
        test: name → result on test by vectors, with "tuned".
        dev: name → result on dev by vectors; a model without one is served by vectors.
        models: names of the systems that are models here, and not saved results or BM25.
    """
    chosen = {name: way for name in test if name in models and ways and (way := ways.choose(dev.get(name)))}
    served = {
        name: ways.served(scores, chosen[name]) if ways and name in chosen else scores for name, scores in test.items()
    }
    words = any(way.mode != DENSE for way in chosen.values())
    beside = {f"{name}{BY_VECTORS}": test[name] for name in chosen} if words else {}
    return ServedSystems(served.pop("tuned"), served, beside, chosen)


def _all_alike(run: Run) -> bool:
    """Whether every query gives all documents the same score."""
    spreads = [np.ptp(list(found.values())) for found in run.values() if len(found) > 1]
    return bool(spreads) and max(spreads) < 1e-6
