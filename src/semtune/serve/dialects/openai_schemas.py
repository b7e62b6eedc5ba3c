"""The requests and responses of OpenAI's API, with a sentence on each field."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field, StrictBool, model_validator

from semtune.serve.schemas import Strict, Text, TokenId
from semtune.types import Role, Truncate


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
