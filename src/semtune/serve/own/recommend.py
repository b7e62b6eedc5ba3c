"""Items for a history over HTTP: `/recommend`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt

from semtune.errors import ConfigError
from semtune.search.request import MAX_K
from semtune.serve.catalogue import Catalogue, Served
from semtune.serve.errors import ApiError
from semtune.serve.own.schemas import DEFAULT_K, INDEX, WHERE, K
from semtune.serve.own.search import check_k, find_index
from semtune.serve.schemas import Strict, Text
from semtune.serve.workers import Workers
from semtune.tasks.recommend.events import Event, parse_time
from semtune.tasks.recommend.job import Recommended, recommend_from
from semtune.tasks.recommend.recommender import Recommender
from semtune.tasks.recommend.settings import RecommendSettings

MOST_EVENTS = 10_000


class HistoryEvent(Strict):
    """Something that the person did."""

    id: Text = Field(description="Id of the document.")
    event: Literal["like", "dislike", "view"] = Field("like", description="What was done.")
    time: StrictFloat | StrictInt | Text | None = Field(None, description="ISO 8601, or Unix time; by default now.")


class RecommendRequest(Strict):
    """A history, and what is wanted."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"like": ["zipfile.ZipFile"], "k": 5},
                {
                    "history": [
                        {"id": "csv.writer", "event": "view", "time": "2026-11-01"},
                        {"id": "json.loads", "event": "like", "time": "2026-11-20"},
                    ],
                    "half_life": 30,
                    "diversity": 0.3,
                },
            ]
        },
    )

    like: list[Text] = Field([], max_length=MOST_EVENTS, description="Ids of documents that were liked.")
    dislike: list[Text] = Field([], max_length=MOST_EVENTS, description="Ids of documents that were disliked.")
    viewed: list[Text] = Field([], max_length=MOST_EVENTS, description="Ids of documents that were looked at.")
    history: list[HistoryEvent] = Field([], max_length=MOST_EVENTS, description="Events, with their times.")
    k: int = Field(DEFAULT_K, strict=True, ge=1, le=MAX_K, description=K)
    where: dict[str, Any] | Text | None = Field(None, description=WHERE)
    diversity: float = Field(0.0, ge=0, le=1, description="From 0 to 1: prefer items that differ from those before.")
    again: bool = Field(False, strict=True, description="Recommend also what is in the history.")
    half_life: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="Days after which an event counts half."
    )
    explain: int = Field(3, strict=True, ge=0, le=100, description="Items of the history named for each one.")
    index: Text | None = Field(None, description=INDEX)

    def settings(self) -> RecommendSettings:
        """Everything but the events with times and the index.

        Raises:
            ApiError: 422; a document is both liked and disliked.
        """
        try:
            return RecommendSettings(
                like=tuple(self.like),
                dislike=tuple(self.dislike),
                viewed=tuple(self.viewed),
                k=self.k,
                where=self.where,
                diversity=self.diversity,
                again=self.again,
                half_life=self.half_life,
                explain=self.explain,
            )
        except ConfigError as error:
            raise ApiError(422, str(error), param="dislike") from None

    def events(self) -> list[Event]:
        """The events with times.

        Raises:
            ApiError: 422; a time cannot be understood.
        """
        found: list[Event] = []
        for at, each in enumerate(self.history):
            try:
                time_ = None if each.time is None else parse_time(each.time)
            except ValueError:
                raise ApiError(
                    422,
                    f"'history.{at}.time' is {each.time!r}, which is no time. Give ISO 8601, such as "
                    "2026-11-20T08:00:00Z, or Unix time.",
                    param="history",
                ) from None
            found.append(Event(each.id, each.event, time_))
        return found


class BecauseResponse(BaseModel):
    """An item of the history that a recommended one is near to."""

    id: str
    similarity: float = Field(description="Cosine of the two vectors.")
    together: float | None = Field(
        None, description="How strongly both are used together; absent if that is not known."
    )


class RecommendedItem(BaseModel):
    """A recommended document."""

    id: str
    score: float = Field(description="Higher is better; of popular documents the number of baskets.")
    similarity: float | None = Field(None, description="To what was liked; absent for popular documents.")
    together: float | None = Field(None, description="Co-occurrence, 0 to 1; absent where it does not count.")
    text: str
    title: str
    metadata: dict[str, Any]
    because: list[BecauseResponse]


class RecommendResponse(BaseModel):
    """Recommended documents, best first, without those of the history."""

    items: list[RecommendedItem]
    cold: bool = Field(description="They are popular ones, since no like is known.")
    history: dict[str, int] = Field(description="Number of items that count: liked, disliked, seen.")
    left_out: dict[str, int] = Field(description="Reason → events of the history that do not count.")
    warnings: list[str]
    took_ms: float = Field(description="Milliseconds in the server, including the wait for a free thread.")


def router(
    catalogue: Catalogue, workers: Workers, max_k: int, recommenders: Mapping[str, Recommender] | None = None
) -> APIRouter:
    """`/recommend`.

    Args:
        catalogue: the indexes.
        workers: the threads that compute.
        max_k: the most items that may be asked for.
        recommenders: name of what is served → what was learned for its index.
    """
    routes = APIRouter(tags=["Search"])

    @routes.post("/recommend", response_model_exclude_none=True)
    async def recommend(request: RecommendRequest) -> RecommendResponse:
        """Recommend documents of an index for likes, dislikes and views, by the vectors that it has."""
        began = time.perf_counter()
        check_k(request.k, max_k)
        served, events = find_index(catalogue, request.index), request.events()
        learned = (recommenders or {}).get(served.name)
        with workers.admit():
            found = await workers.run(partial(_recommended, served, request.settings(), events, learned))
        return _response(found, began)

    return routes


def _recommended(
    served: Served, settings: RecommendSettings, events: list[Event], learned: Recommender | None
) -> Recommended:
    with served.searching() as searcher:
        return recommend_from(searcher.collection, settings, learned, events)


def _response(found: Recommended, began: float) -> RecommendResponse:
    rows = found.as_dict()
    return RecommendResponse(
        items=rows["items"],
        cold=found.cold,
        history=found.history,
        left_out=found.left_out,
        warnings=found.warnings,
        took_ms=round((time.perf_counter() - began) * 1000, 2),
    )
