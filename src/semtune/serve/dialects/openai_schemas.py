"""The requests and responses of OpenAI's API, with a sentence on each field."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, StrictBool

from semtune.serve.schemas import Lenient, Text, TokenId
from semtune.types import Role, Truncate


class EmbeddingsRequest(Lenient):
    """OpenAI's request for embeddings, with `input_type` and `truncate` added. Null is the default of every field."""

    input: Text | list[Text] | list[TokenId] | list[list[TokenId]] = Field(
        description="One text or up to 2048 texts. Token ids only where the server was told whose they are."
    )
    model: str | None = Field(
        None, description="The served model's name, which may end with :query or :document; any other is refused."
    )
    encoding_format: Literal["float", "base64"] | None = Field(
        None, description="float is the default; base64: little-endian float32, which OpenAI's own client requests."
    )
    dimensions: int | None = Field(None, strict=True, description="Must equal the model's own dimension.")
    user: str | None = Field(None, description="Accepted for compatibility; ignored and not stored.")
    input_type: Role | None = Field(
        None, description="Which of the model's prompts is put before each text; document is the default."
    )
    truncate: Truncate | StrictBool | None = Field(
        None,
        description="Texts longer than the model reads: cut or true, error or false, window. Default: as served.",
    )


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
