"""The requests and responses of Semtune's own API, with a sentence on each field."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt

from semtune.search.mode import SearchMode
from semtune.search.options import SearchOptions
from semtune.search.request import MAX_RERANKED
from semtune.serve.schemas import Strict, Text

MAX_K = 100
DEFAULT_K = 10
K = "Maximum number of documents to return."
WHERE = 'Filter on the metadata: {"lang": "de", "year": {">=": 2020}}, or "lang=de and year>=2020".'
MODE = "By vectors, by words, or by both; auto: as the index remembers."
GROUP_BY = "One hit for each 'document' of passages, or each value of a field."
DIVERSITY = "From 0 to 1: prefer hits that differ from those before."
EXPLAIN = "Say how each hit was found."
HIGHLIGHT = "Find the sentence of each hit that answers."
RERANK = "Best hits that the cross-encoder sorts anew."
INDEX = "The served index's name; by default the first one's."
MIN_SCORE = "Drop hits scoring below this: a score, or the name of a calibrated threshold such as best-f1 or p0.9."


class SearchRequest(Strict):
    """A search, as a JSON body."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"query": "how do I read a zip file", "k": 5},
                {"query": "kettle", "where": {"lang": "de", "year": {">=": 2020}}, "mode": "hybrid", "highlight": True},
            ]
        },
    )

    query: Text = Field(description="The query text.")
    k: int = Field(DEFAULT_K, strict=True, ge=1, le=MAX_K, description=K)
    min_score: StrictFloat | StrictInt | Text | None = Field(None, description=MIN_SCORE)
    where: dict[str, Any] | Text | None = Field(None, description=WHERE)
    mode: SearchMode = Field("auto", description=MODE)
    group_by: Text | None = Field(None, description=GROUP_BY)
    diversity: float = Field(0.0, ge=0, le=1, description=DIVERSITY)
    explain: bool = Field(False, strict=True, description=EXPLAIN)
    highlight: bool = Field(False, strict=True, description=HIGHLIGHT)
    rerank: int | None = Field(None, strict=True, ge=1, le=MAX_RERANKED, description=RERANK)
    index: Text | None = Field(None, description=INDEX)

    def options(self) -> SearchOptions:
        """Everything but the query and the index."""
        return _options(self)


class SearchParams(Strict):
    """A search, as URL parameters; they mean what they mean in the JSON body."""

    q: Text = Field(description="The query text.", examples=["how do I read a zip file"])
    k: int = Field(DEFAULT_K, ge=1, le=MAX_K, description=K)
    min_score: Text | None = Field(None, description=MIN_SCORE)
    where: Text | None = Field(None, description=WHERE, examples=["lang=de and year>=2020"])
    mode: SearchMode = Field("auto", description=MODE)
    group_by: Text | None = Field(None, description=GROUP_BY)
    diversity: float = Field(0.0, ge=0, le=1, description=DIVERSITY)
    explain: bool = Field(False, description=EXPLAIN)
    highlight: bool = Field(False, description=HIGHLIGHT)
    rerank: int | None = Field(None, ge=1, le=MAX_RERANKED, description=RERANK)
    index: Text | None = Field(None, description=INDEX)

    def options(self) -> SearchOptions:
        """Everything but the query and the index."""
        return _options(self)


class SimilarParams(Strict):
    """What may be asked of the documents like one."""

    k: int = Field(DEFAULT_K, ge=1, le=MAX_K, description=K)
    where: Text | None = Field(None, description=WHERE)
    group_by: Text | None = Field(None, description=GROUP_BY)
    diversity: float = Field(0.0, ge=0, le=1, description=DIVERSITY)
    explain: bool = Field(False, description=EXPLAIN)
    index: Text | None = Field(None, description=INDEX)


def _options(asked: SearchRequest | SearchParams) -> SearchOptions:
    return SearchOptions(
        k=asked.k,
        min_score=asked.min_score,
        where=asked.where,
        mode=asked.mode,
        rerank=asked.rerank,
        group_by=asked.group_by,
        diversity=asked.diversity,
        explain=asked.explain,
        highlight=asked.highlight,
    )


class HitResponse(BaseModel):
    """One document found."""

    id: str
    score: float = Field(description="Similarity; higher is better.")
    probability: float | None = Field(
        None, description="Probability of relevance; absent if the model is not calibrated."
    )
    text: str
    title: str
    metadata: dict[str, Any]
    highlight: list[int] | None = Field(None, description="Start and end in text of the sentence that answers.")
    source_highlight: list[int] | None = Field(None, description="The same in the text of the source file.")
    others: int | None = Field(None, description="Further hits of the same group; absent if none.")
    explain: dict[str, Any] | None = Field(None, description="How it was found.")


class SimilarResponse(BaseModel):
    """The documents like one, the most similar first, without itself."""

    id: str
    hits: list[HitResponse]
    took_ms: float = Field(description="Milliseconds in the server, including the wait for a free thread.")


class SearchResponse(BaseModel):
    """The documents found, best first."""

    query: str
    hits: list[HitResponse]
    took_ms: float = Field(description="Milliseconds in the server, including the wait for a free thread.")
    cut_tokens: int | None = Field(
        None, description="Tokens of the query that were not read; absent if it was read whole."
    )
    warnings: list[str] | None = Field(None, description="What the user should know of the query; absent if nothing.")


class FeedbackRequest(Strict):
    """What a user thinks of an answer."""

    query: Text = Field(description="The query text.")
    id: Text = Field(max_length=4096, description="Id of the document found.")
    useful: bool = Field(strict=True, description="Whether it was useful.")


class FeedbackResponse(BaseModel):
    """The feedback is on the disk."""

    status: Literal["stored"] = "stored"


class HealthResponse(BaseModel):
    """The state of the server."""

    status: Literal["ok"] = "ok"
    model: str
    dimension: int
    documents: int | None = Field(description="Documents in the index; null if no index is served.")
    fingerprint: str = Field(description="Models with equal fingerprints give equal vectors.")
    runtime: str = Field(description='The runtime that computes the vectors, e.g. "onnx-fp32".')
