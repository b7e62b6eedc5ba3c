"""Topics over HTTP: those of a folder, and which of them texts belong to."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from semtune.serve.catalogue import Catalogue
from semtune.serve.embedding import embed, lane_of, listed
from semtune.serve.errors import ApiError
from semtune.serve.own.classify import checked_texts
from semtune.serve.schemas import Strict, Text
from semtune.serve.uses import ServedTopics
from semtune.serve.workers import Workers
from semtune.tasks.topics.model import NOISE
from semtune.types import Embeddings

NAME = "A served folder of topics; by default the first one."
KEPT = ("topic", "title", "texts", "stability", "stable", "words")


class TopicsRequest(Strict):
    """Texts whose topics are asked for."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"inputs": ["The parcel never came."], "topics": "mails"}]}
    )

    inputs: Text | Annotated[list[Text], Field(min_length=1)] = Field(description="One text, or several.")
    topics: Text | None = Field(None, description=NAME)


class TopicResponse(BaseModel):
    """A topic."""

    topic: str = Field(description="Its id, which stays the same from run to run.")
    title: str
    texts: int = Field(description="Number of texts that it was found in.")
    stability: float = Field(description="From 0 to 1: how much of it is found again in half of the texts.")
    stable: bool
    words: list[str]


class TopicsResponse(BaseModel):
    """The topics of a folder, the largest first."""

    name: str
    names: list[str] = Field(description="Of all folders that are served.")
    stability: float = Field(description="Mean over the topics, weighted by size.")
    topics: list[TopicResponse]


class AssignedTopic(BaseModel):
    """The topic of a text."""

    topic: str | None = Field(description="Its id; null if the text is far from all topics.")
    title: str | None
    near: str = Field(description="The nearest topic, also of a text that belongs to none.")
    score: float = Field(description="Cosine to the topic's centre.")


class AssignedResponse(BaseModel):
    """The topics of texts, in their order."""

    name: str
    assigned: list[AssignedTopic]
    truncated: int = Field(description="Number of texts that were longer than the model reads.")
    took_ms: float = Field(description="Milliseconds in the server, including the wait for a free thread.")


def router(catalogue: Catalogue, workers: Workers, max_inputs: int) -> APIRouter:
    """`/topics`; `max_inputs` is the most texts of a request."""
    routes = APIRouter(tags=["Uses"])

    @routes.get("/topics")
    async def topics(name: str | None = None) -> TopicsResponse:
        """List the topics of a folder."""
        found, served = _find(catalogue, name)
        manifest = served.stored.manifest
        rows = [TopicResponse(**{key: row[key] for key in KEPT}) for row in manifest["topics"]]
        names = list(catalogue.uses.topics)
        return TopicsResponse(name=found, names=names, stability=manifest["stability"], topics=rows)

    @routes.post("/topics")
    async def assign(request: TopicsRequest) -> AssignedResponse:
        """Give texts the topics of a folder; those far from all of them get none."""
        began = time.perf_counter()
        texts = checked_texts(listed(request.inputs), max_inputs)
        found, served = _find(catalogue, request.topics)
        with workers.admit(lane_of(texts)):
            made = await embed(workers, served.encoder, texts, "document", "inputs")
            rows = await workers.run(partial(_assigned, served, made.vectors), lane_of(texts))
        return AssignedResponse(
            name=found,
            assigned=[AssignedTopic(**row) for row in rows],
            truncated=made.truncated,
            took_ms=round((time.perf_counter() - began) * 1000, 2),
        )

    return routes


def _find(catalogue: Catalogue, name: str | None) -> tuple[str, ServedTopics]:
    known = catalogue.uses.topics
    if not known:
        raise ApiError(
            404, "No topics are served here. Start the server with `semtune serve ... --topics FOLDER`.", param="topics"
        )
    name = name if name is not None else next(iter(known))
    if name not in known:
        raise ApiError(404, f"There are no topics {name!r} here. Served are: {', '.join(known)}.", param="topics")
    return name, known[name]


def _assigned(served: ServedTopics, vectors: Embeddings) -> Sequence[dict[str, Any]]:
    model = served.stored.model
    titles = {row["topic"]: row["title"] for row in served.stored.manifest["topics"]}
    said = model.assign(vectors)
    rows = []
    for topic, near, cosine in zip(said.topic.tolist(), said.near.tolist(), said.cosine.tolist(), strict=True):
        id_ = None if topic == NOISE else model.ids[topic]
        rows.append({"topic": id_, "title": titles.get(id_ or ""), "near": model.ids[near], "score": round(cosine, 4)})
    return rows
