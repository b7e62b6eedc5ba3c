"""Whether learning pays: the blend is chosen on one part of the held-out events and judged on another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from semtune.errors import InputError
from semtune.metrics import compare_means
from semtune.progress import QUIET, Progress
from semtune.tasks.recommend.borrow import with_borrowed
from semtune.tasks.recommend.cooccurrence import METHODS, Cooccurrence, Method, fit
from semtune.tasks.recommend.held_out import HeldOut, Part
from semtune.tasks.recommend.measures import Measured, figures, gain_of, measure
from semtune.tasks.recommend.scoring import Scores, blended
from semtune.tasks.recommend.settings import LearnSettings
from semtune.tasks.recommend.systems import ByPopularity, ByUse, ByVectors, System, fit_factors
from semtune.types import Embeddings

BLENDS = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
LEAST_CASES = 50  # of dev and of test; with fewer nothing is shown
POPULARITY, ALS, USE, VECTORS, BLEND = (
    "popularity", "implicit ALS", "implicit items", "embeddings", "blend",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Blend:
    """The sum of a system's scores and `weight` times another's, see `blended`."""

    similar: System
    together: System
    weight: float

    def __call__(self, history: Sequence[int]) -> Scores:
        """The score of each item."""
        used = self.together(history)
        used[list(history)] = 0.0  # they are not recommended, so the largest score is not theirs
        return blended(self.similar(history), used, self.weight)


@dataclass(frozen=True, slots=True)
class Judged:
    """What was chosen and measured.

    Attributes:
        method: of the co-occurrence, chosen on dev.
        blend: its weight, chosen on dev; it is used only if `proven`.
        proven: the blend is significantly better on test than the embeddings alone.
        systems: name → figures on test.
        gains: name → the blend's gain in nDCG@10 over it, with its interval and p-value.
        cold: figures on the cases of test whose item is in nothing that was learned from; empty if there are none.
        verdict: in words.
        facts: numbers of cases and items, and how they were held out.
    """

    method: Method
    blend: float
    proven: bool
    systems: dict[str, Any]
    gains: dict[str, Any]
    cold: dict[str, Any]
    verdict: str
    facts: dict[str, Any]

    @property
    def used(self) -> float:
        """The weight of the co-occurrence in use: 0 where it did not prove better."""
        return self.blend if self.proven else 0.0


def judge(
    held: HeldOut, vectors: Embeddings, settings: LearnSettings, progress: Progress = QUIET, peers: bool = True
) -> Judged:
    """Choose how to learn on dev, and judge it on test.

    Args:
        held: what is learned from and what is to be found.
        vectors: (items, dim) of unit length.
        settings: neighbours and seed.
        progress: shown while it works.
        peers: also measure ALS.

    Raises:
        InputError: too little was held out to show anything.
        MissingExtraError: `implicit` is not installed.
    """
    for name, part in (("dev", held.dev), ("test", held.test)):
        if len(part.cases) < LEAST_CASES:
            raise InputError(
                f"Only {len(part.cases)} baskets with two or more items can be held out for {name}, and fewer than "
                f"{LEAST_CASES} show nothing. Give more interactions; without them use the embeddings alone."
            )
    similar = ByVectors(vectors)
    method, blend = _choose(held.dev, similar, settings, progress)
    learned = fit(held.test.train, len(vectors), method, settings.neighbours)
    systems: dict[str, System] = {POPULARITY: ByPopularity(learned)}
    if peers:
        progress.say("fitting ALS")
        systems[ALS] = fit_factors(held.test.train, len(vectors), settings.seed)
    ours = Blend(similar, ByUse(with_borrowed(learned, vectors)), blend)
    systems |= {USE: ByUse(learned), VECTORS: similar, BLEND: ours}
    found = measure(systems, held.test.cases, vectors, learned.novelty(), progress)
    return _judged(held, found, learned, method, blend, settings.seed)


def _choose(dev: Part, similar: ByVectors, settings: LearnSettings, progress: Progress) -> tuple[Method, float]:
    """The method and the weight with the best nDCG@10 on dev; of equal ones the first."""
    items = len(similar.vectors)
    uses: dict[Method, ByUse] = {
        method: ByUse(with_borrowed(fit(dev.train, items, method, settings.neighbours), similar.vectors))
        for method in METHODS
    }
    sums: dict[tuple[Method, float], float] = {(method, weight): 0.0 for method in METHODS for weight in BLENDS}
    with progress.track("choosing the blend", len(dev.cases)) as done:
        for case in dev.cases:
            near = similar(case.history)
            for method, use in uses.items():
                used = use(case.history)
                used[list(case.history)] = 0.0
                for weight in BLENDS:
                    sums[method, weight] += gain_of(blended(near, used, weight), case.history, case.target)
            done(1)
    return max(sums, key=lambda each: sums[each])


def _judged(
    held: HeldOut, found: Mapping[str, Measured], learned: Cooccurrence, method: Method, blend: float, seed: int
) -> Judged:
    gains = {
        name: {"gain": round(made.gain, 4), "low": round(made.low, 4), "high": round(made.high, 4),
               "p_value": round(made.p_value, 4)}
        for name in found
        if name != BLEND and (made := compare_means(found[BLEND].ndcg, found[name].ndcg, seed))
    }  # fmt: skip
    proven = gains[VECTORS]["low"] > 0 and gains[VECTORS]["p_value"] < 0.05
    new = np.array([learned.counts[case.target] == 0 for case in held.test.cases])
    return Judged(
        method, blend, proven, {name: figures(made, seed) for name, made in found.items()}, gains,
        _cold(found, new), _verdict(gains, proven), _facts(held, learned, new),
    )  # fmt: skip


def _cold(found: Mapping[str, Measured], new: np.ndarray) -> dict[str, Any]:
    if not new.any():
        return {}
    return {
        "cases": int(new.sum()),
        **{
            name: {
                "ndcg@10": round(float(made.ndcg[new].mean()), 4),
                "recall@10": round(float(made.recall[new].mean()), 4),
            }
            for name, made in found.items()
        },
    }


def _facts(held: HeldOut, learned: Cooccurrence, new: np.ndarray) -> dict[str, Any]:
    return {
        "held_out": held.how,
        "cases": {"dev": len(held.dev.cases), "test": len(held.test.cases), "test_of_new_items": int(new.sum())},
        "baskets_learned_from": learned.baskets,
        "items": len(learned.counts),
        "items_learned_from": int((learned.counts > 0).sum()),
    }


def _verdict(gains: Mapping[str, Any], proven: bool) -> str:
    over = gains[VECTORS]
    shown = f"{over['gain']:+.4f} nDCG@10 [{over['low']:+.4f}, {over['high']:+.4f}]"
    if not proven:
        return (f"What was used together does not prove to help: {shown} over the embeddings alone. The embeddings "
                "alone are used.")  # fmt: skip
    better = [name for name, row in gains.items() if row["high"] < 0]
    also = f" {' and '.join(better)} finds still more on these events, but nothing new." if better else ""
    return f"The blend is used: {shown} over the embeddings alone, on events that were not learned from.{also}"
