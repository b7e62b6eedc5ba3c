"""The requests and responses of Cohere's API, with a sentence on each field."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, Field, StrictBool

from semtune.serve.schemas import MODEL, Lenient, Text, Value

InputType: TypeAlias = Literal["search_query", "search_document", "classification", "clustering"]
EmbeddingType: TypeAlias = Literal["float", "base64", "binary", "ubinary"]


class TextContent(Lenient):
    """A text in a list of contents; images cannot be embedded here."""

    type: Literal["text"]
    text: Text


class MixedInput(Lenient):
    """One input as a list of contents."""

    content: list[TextContent] = Field(min_length=1)


class EmbedRequest(Lenient):
    """Texts to embed."""

    texts: list[Text] | None = Field(None, description="The texts.")
    inputs: list[MixedInput] | None = Field(None, description="The texts as lists of contents, instead of 'texts'.")
    model: Text | None = Field(None, description=MODEL)
    input_type: InputType | None = Field(
        None, description="search_query is read as a query, all others, and none, as documents."
    )
    embedding_types: list[EmbeddingType] | None = Field(
        None, min_length=1, description="float is the default; int8 and uint8 need a scale, which is not known here."
    )
    truncate: Literal["NONE", "START", "END"] | None = Field(
        None, description="Which end of long texts is cut; NONE refuses them. Default: as served."
    )
    output_dimension: int | None = Field(None, strict=True, description="Must equal the model's own dimension.")
    max_tokens: int | None = Field(None, strict=True, description="Not supported: the model's own limit holds.")


class RerankRequest(Lenient):
    """Documents to sort by their relevance for a query."""

    query: Text = Field(description="The query text.")
    documents: list[Text | dict[str, Value]] = Field(description="Texts, or objects with a field 'text'.")
    model: Text | None = Field(None, description='The served model\'s name; "reranker" is the default one.')
    top_n: int | None = Field(None, strict=True, ge=1, description="Return only the best ones; by default all.")
    return_documents: StrictBool | None = Field(None, description="Return each document with its score.")
    rank_fields: list[Text] | None = Field(None, min_length=1, description="Fields of objects that are read.")
    max_tokens_per_doc: int | None = Field(None, strict=True, description="Accepted; the model's own limit holds.")
    max_chunks_per_doc: int | None = Field(None, strict=True, description="Accepted; a document is read once.")


class Result(BaseModel):
    """The score of one document."""

    index: int
    relevance_score: float
    document: dict[str, Any] | None = None


class RerankResponse(BaseModel):
    """The documents, best first."""

    id: str
    results: list[Result]
    meta: dict[str, Any]


class EmbedResponse(BaseModel):
    """The vectors, in the order of the texts."""

    id: str
    response_type: Literal["embeddings_floats", "embeddings_by_type"] | None = None
    embeddings: list[list[float]] | dict[str, list[Any]]
    texts: list[str]
    meta: dict[str, Any]
