"""The requests and responses of Semtune's own API, with a sentence on each field."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, model_validator
from pydantic_core import PydanticCustomError

from semtune.search.mode import SearchMode
from semtune.search.options import SearchOptions
from semtune.search.request import MAX_K, MAX_RERANKED
from semtune.serve.schemas import Strict, Text

DEFAULT_K = 10
K = "Maximum number of documents to return; the server may allow fewer than 1000, usually 100."
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
    """What a user thinks of an answer, or that the user opened it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"query": "how do I read a zip file", "id": "zipfile.ZipFile", "useful": True, "rank": 1},
                {"query": "how do I read a zip file", "id": "zipfile.ZipFile", "kind": "click", "rank": 3},
            ]
        },
    )

    query: Text = Field(description="The query text.")
    id: Text = Field(max_length=4096, description="Id of the document found.")
    kind: Literal["judgement", "click"] = Field("judgement", description="A click says less than a judgement.")
    useful: bool | None = Field(None, strict=True, description="Whether it was useful; of a judgement only.")
    rank: int | None = Field(None, strict=True, ge=1, le=1000, description="Its place among the hits, from 1.")
    index: Text | None = Field(None, description=INDEX)

    @model_validator(mode="after")
    def _fits(self) -> FeedbackRequest:
        if (self.kind == "judgement") != (self.useful is not None):
            said = (
                "'useful' is missing: true or false."
                if self.useful is None
                else "A click has no 'useful'. Leave it out, or send kind 'judgement'."
            )
            raise PydanticCustomError("unknown_field", "{said}", {"said": said})
        return self

    def said(self) -> dict[str, Any]:
        """The line of the file, without what was not given."""
        found = {"query": self.query, "id": self.id, "kind": self.kind, "useful": self.useful, "rank": self.rank}
        return {name: value for name, value in found.items() if value is not None}


class FeedbackResponse(BaseModel):
    """The feedback is on the disk."""

    status: Literal["stored"] = "stored"


class ServedState(BaseModel):
    """A served model, and the size of its index."""

    name: str = Field(description="By which requests ask for it.")
    documents: int | None = Field(description="Documents in its index; null if it has none.")
    model: str


class HealthResponse(BaseModel):
    """The state of the server; model, documents, fingerprint and runtime are those of the default."""

    status: Literal["ok"] = "ok"
    model: str
    dimension: int
    documents: int | None = Field(description="Documents in the index; null if no index is served.")
    fingerprint: str = Field(description="Models with equal fingerprints give equal vectors.")
    served: list[ServedState] = Field(description="Everything that is served; the first is the default.")
    runtime: str = Field(description='The runtime that computes the vectors, e.g. "onnx-fp32".')
