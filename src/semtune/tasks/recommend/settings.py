"""The settings of recommend: what is asked for, and how a recommender is learned."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from semtune.search.request import MAX_K
from semtune.settings import Settings, mistake

SHARPNESS = 10.0  # of the similarity to a history, measured: benchmarks/uses_recommend.py
VIEW, DISLIKE = 0.5, 0.5


class RecommendSettings(Settings):
    """recommend: a history, and what is wanted."""

    like: tuple[str, ...] = Field((), description="ids of items that were liked")
    dislike: tuple[str, ...] = Field((), description="ids of items that were disliked")
    viewed: tuple[str, ...] = Field((), description="ids of items that were looked at")
    history: str = Field("", description="a table of items, with event (like, dislike, view) and time where known")
    k: int = Field(10, ge=1, le=MAX_K, description="number of items")
    where: str | dict[str, Any] | None = Field(None, description="only items whose metadata fit")
    diversity: float = Field(0.0, ge=0, le=1, description="from 0 to 1: prefer items that differ from those before")
    again: bool = Field(False, description="recommend also what is in the history")
    half_life: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="days after which an event counts half; none: all count alike"
    )
    view_weight: float = Field(VIEW, ge=0, le=1, description="of a view, where a like counts 1")
    dislike_weight: float = Field(DISLIKE, ge=0, le=10, description="how much likeness to a dislike lowers the score")
    explain: int = Field(3, ge=0, le=100, description="items of the history named for each recommended one")

    @model_validator(mode="before")
    @classmethod
    def _one_or_more(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {key: (one,) if key in {"like", "dislike", "viewed"} and isinstance(one := value, str) else value
                for key, value in values.items()}  # fmt: skip

    @model_validator(mode="after")
    def _one_opinion(self) -> RecommendSettings:
        both = sorted(set(self.like) & set(self.dislike))
        if both:
            raise mistake("dislike", f"{both[0]!r} is both liked and disliked; leave out one of the two")
        return self


class LearnSettings(Settings):
    """learn a recommender: from interactions of many users, or baskets."""

    neighbours: int = Field(100, ge=1, le=1000, description="items kept that were used together with an item")
    cases: int = Field(2000, ge=50, le=100_000, description="baskets whose last item is held out, at most")
    dev_share: float = Field(0.1, gt=0, lt=0.5, description="of the baskets (or of time): chooses the blend")
    test_share: float = Field(0.1, gt=0, lt=0.5, description="of the baskets (or of time): judges it")
    pairs_per_item: int = Field(10, ge=1, le=10_000, description="training pairs that an item may be the answer of")
    pairs_per_basket: int = Field(20, ge=1, le=10_000, description="training pairs of a basket, at most")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="of held-out baskets and chosen pairs")
