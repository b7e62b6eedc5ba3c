"""The requests and responses over HTTP, one sentence a field."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictFloat, StrictInt, StrictStr, model_validator
from pydantic_core import PydanticCustomError

from semtune.errors import nearest
from semtune.types import Role

MAX_K = 100
DEFAULT_K = 10
MIN_SCORE = "Leave out what scores lower: a score, or the name of a calibrated cut such as best-f1 or p0.9."


def _whole_characters(text: str) -> str:
    r"""JSON can spell half a character ("\ud800"), which no tokenizer reads and no answer can hold."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise PydanticCustomError("half_character", "holds half a character")
    return text


Text: TypeAlias = Annotated[StrictStr, AfterValidator(_whole_characters)]
TokenId: TypeAlias = Annotated[int, Field(strict=True, ge=0, lt=2**32)]


class Strict(BaseModel):
    """A request: a field that it does not know is refused, with the nearest one it does."""

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

    query: Text = Field(description="What is looked for, in words.")
    k: int = Field(DEFAULT_K, strict=True, ge=1, le=MAX_K, description="How many documents to return.")
    min_score: StrictFloat | StrictInt | Text | None = Field(None, description=MIN_SCORE)


class SearchParams(Strict):
    """A search, in the address."""

    q: Text = Field(description="What is looked for, in words.")
    k: int = Field(DEFAULT_K, ge=1, le=MAX_K, description="How many documents to return.")
    min_score: Text | None = Field(None, description=MIN_SCORE)


class HitResponse(BaseModel):
    """One document found."""

    id: str
    score: float = Field(description="Similarity: bigger is better.")
    probability: float | None = Field(None, description="Of relevance; absent where the model is not calibrated.")
    text: str
    title: str
    metadata: dict[str, Any]


class SearchResponse(BaseModel):
    """The documents found, best first."""

    query: str
    hits: list[HitResponse]
    took_ms: float = Field(description="Milliseconds in the server, the wait for a free thread included.")


class HealthResponse(BaseModel):
    """What is being served."""

    status: Literal["ok"] = "ok"
    model: str
    dimension: int
    documents: int | None = Field(description="Documents in the index; null where no index is served.")
    fingerprint: str = Field(description="Equal fingerprint, equal vectors.")
    runtime: str = Field(description='What computes the vectors, e.g. "onnx-fp32".')


class EmbeddingsRequest(Strict):
    """OpenAI's request for embeddings, with `input_type` added."""

    input: Text | list[Text] | list[TokenId] | list[list[TokenId]] = Field(
        description="One text or up to 2048, or the token ids of one text or several."
    )
    model: str | None = Field(None, description="The served model's name; any other is refused.")
    encoding_format: Literal["float", "base64"] = Field(
        "float", description="base64: little-endian float32, as OpenAI's own client asks for."
    )
    dimensions: int | None = Field(None, strict=True, description="Only the model's own dimension is allowed.")
    user: str | None = Field(None, description="Accepted for compatibility; not used and not kept.")
    input_type: Role = Field("document", description="Which of the model's prompts goes in front of each text.")


class EmbeddingResponse(BaseModel):
    """One text's vector."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class Usage(BaseModel):
    """Tokens computed on, after cutting at the model's length limit."""

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
    """The served models: always one."""

    object: Literal["list"] = "list"
    data: list[ModelResponse]
