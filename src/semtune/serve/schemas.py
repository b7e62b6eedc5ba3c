"""The requests and responses over HTTP, with a sentence on each field."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)
from pydantic_core import PydanticCustomError

from semtune.errors import nearest
from semtune.search.mode import SearchMode
from semtune.serve.service import SearchOptions
from semtune.types import Role, Truncate

MAX_K = 100
DEFAULT_K = 10
MIN_SCORE = "Drop hits scoring below this: a score, or the name of a calibrated threshold such as best-f1 or p0.9."


def _whole_characters(text: str) -> str:
    r"""Refuse lone surrogates ("\ud800"): JSON allows them, but tokenizers and responses do not."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise PydanticCustomError("half_character", "contains a lone surrogate")
    return text


Text: TypeAlias = Annotated[StrictStr, AfterValidator(_whole_characters)]
TokenId: TypeAlias = Annotated[int, Field(strict=True, ge=0, lt=2**32)]


class Strict(BaseModel):
    """A request; an unknown field is refused, and the message suggests the nearest known one."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _no_unknown_field(cls, values: Any) -> Any:
        if isinstance(values, dict):
            for name in values:
                if name not in cls.model_fields:
                    allowed = ", ".join(cls.model_fields)
                    hint = nearest(str(name), cls.model_fields)
                    said = f"Unknown field {name!r}; allowed are {allowed}.{hint}"
                    raise PydanticCustomError("unknown_field", "{said}", {"said": said})
        return values


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

    def asks_more(self) -> bool:
        """Whether anything but query, k and min_score is asked for."""
        return any(name in self.model_fields_set for name in SearchOptions._fields)

    def options(self) -> SearchOptions:
        """Everything but query, k and min_score."""
        return SearchOptions(self.where, self.mode, self.group_by, self.diversity, self.explain, self.highlight)


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


class EmbeddingsRequest(Strict):
    """OpenAI's request for embeddings, with `input_type` added."""

    input: Text | list[Text] | list[TokenId] | list[list[TokenId]] = Field(
        description="One text or up to 2048 texts, or the token ids of one or several texts."
    )
    model: str | None = Field(None, description="The served model's name; any other is refused.")
    encoding_format: Literal["float", "base64"] = Field(
        "float", description="base64: little-endian float32, which OpenAI's own client requests."
    )
    dimensions: int | None = Field(None, strict=True, description="Must equal the model's own dimension.")
    user: str | None = Field(None, description="Accepted for compatibility; ignored and not stored.")
    input_type: Role = Field("document", description="Which of the model's prompts is put before each text.")
    truncate: Truncate | StrictBool | None = Field(
        None,
        description="Texts longer than the model reads: cut or true, error or false, window. Default: as served.",
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_the_default(cls, values: Any) -> Any:
        """Clients write null for what was not chosen."""
        if not isinstance(values, dict):
            return values
        chosen = ("encoding_format", "input_type")
        return {name: value for name, value in values.items() if value is not None or name not in chosen}


class EmbeddingResponse(BaseModel):
    """The vector of one text."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class Usage(BaseModel):
    """Number of tokens processed, after truncation at the model's length limit."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsResponse(BaseModel):
    """The vectors, in the order of the input."""

    object: Literal["list"] = "list"
    data: list[EmbeddingResponse]
    model: str
    usage: Usage


class ModelResponse(BaseModel):
    """A served model."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "semtune"


class ModelsResponse(BaseModel):
    """The list of served models; always one."""

    object: Literal["list"] = "list"
    data: list[ModelResponse]
