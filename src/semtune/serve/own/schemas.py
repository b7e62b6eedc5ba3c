"""The requests and responses of Semtune's own API, with a sentence on each field."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field, StrictFloat, StrictInt

from semtune.search.mode import SearchMode
from semtune.search.options import SearchOptions
from semtune.search.request import MAX_RERANKED
from semtune.serve.schemas import Strict, Text

MAX_K = 100
DEFAULT_K = 10
MIN_SCORE = "Drop hits scoring below this: a score, or the name of a calibrated threshold such as best-f1 or p0.9."


class SearchRequest(Strict):
    """A search, as a JSON body."""

    query: Text = Field(description="The query text.")
    k: int = Field(DEFAULT_K, strict=True, ge=1, le=MAX_K, description="Maximum number of documents to return.")
    min_score: StrictFloat | StrictInt | Text | None = Field(None, description=MIN_SCORE)
    where: dict[str, Any] | Text | None = Field(
        None, description='Filter on the metadata: {"lang": "de", "year": {">=": 2020}}, or "lang=de and year>=2020".'
    )
    mode: SearchMode = Field("auto", description="By vectors, by words, or by both; auto: as the index remembers.")
    group_by: Text | None = Field(
        None, description="One hit for each 'document' of passages, or each value of a field."
    )
    diversity: float = Field(0.0, ge=0, le=1, description="Prefer hits that differ from those before.")
    explain: bool = Field(False, strict=True, description="Say how each hit was found.")
    highlight: bool = Field(False, strict=True, description="Find the sentence of each hit that answers.")

    rerank: int | None = Field(
        None, strict=True, ge=1, le=MAX_RERANKED, description="Best hits that the cross-encoder sorts anew."
    )
    index: Text | None = Field(None, description="The served index's name; by default the first one's.")

    def options(self) -> SearchOptions:
        """Everything but the query and the index."""
        return SearchOptions(
            k=self.k,
            min_score=self.min_score,
            where=self.where,
            mode=self.mode,
            rerank=self.rerank,
            group_by=self.group_by,
            diversity=self.diversity,
            explain=self.explain,
            highlight=self.highlight,
        )


class SearchParams(Strict):
    """A search, as URL parameters."""

    q: Text = Field(description="The query text.")
    k: int = Field(DEFAULT_K, ge=1, le=MAX_K, description="Maximum number of documents to return.")
    min_score: Text | None = Field(None, description=MIN_SCORE)


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
