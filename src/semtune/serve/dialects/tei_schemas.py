"""The requests and responses of text-embeddings-inference, with a sentence on each field."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, Field, StrictBool

from semtune.serve.schemas import MODEL, Lenient, Text, TokenId

Input: TypeAlias = Text | list[TokenId] | list[Text | list[TokenId]]
Direction: TypeAlias = Literal["left", "right", "Left", "Right"]

TRUNCATE = "Whether long texts may be cut; where not, which is the default, they are refused with 413."
DIRECTION = "Which end of long texts is cut."
PROMPT = "query or document: which of the model's prompts is put before each text; document is the default."


class _Request(Lenient):
    truncate: StrictBool | None = Field(None, description=TRUNCATE)
    model: Text | None = Field(None, description=MODEL)


class _Reading(_Request):
    truncation_direction: Direction | None = Field(None, description=DIRECTION)
    prompt_name: Text | None = Field(None, description=PROMPT)


class EmbedRequest(_Reading):
    """Texts to embed."""

    inputs: Input = Field(description="One text or several, or the model's own token ids of one or several texts.")
    normalize: StrictBool | None = Field(None, description="Vectors of length 1, the default.")
    dimensions: int | None = Field(None, strict=True, description="Must equal the model's own dimension.")


class SimilarityInputs(BaseModel):
    """One sentence, and those that it is compared with."""

    source_sentence: Text
    sentences: list[Text]


class SimilarityParameters(Lenient):
    """How the sentences are read."""

    truncate: StrictBool | None = Field(None, description=TRUNCATE)
    truncation_direction: Direction | None = Field(None, description=DIRECTION)
    prompt_name: Text | None = Field(None, description=PROMPT)


class SimilarityRequest(Lenient):
    """Sentences to compare."""

    inputs: SimilarityInputs
    parameters: SimilarityParameters | None = None
    model: Text | None = Field(None, description=MODEL)


class RerankRequest(_Request):
    """Texts to sort by their relevance for a query."""

    query: Text = Field(description="The query text.")
    texts: list[Text] = Field(description="The texts.")
    raw_scores: StrictBool | None = Field(
        None, description="The cross-encoder's logits; without a cross-encoder the similarities."
    )
    return_text: StrictBool | None = Field(None, description="Return each text with its score.")
    truncation_direction: Literal["right", "Right"] | None = Field(None, description="Only the end can be cut.")


class TokenizeRequest(Lenient):
    """Texts to split into tokens."""

    inputs: Text | list[Text]
    add_special_tokens: StrictBool | None = Field(None, description="With the special tokens, which is the default.")
    prompt_name: Text | None = Field(None, description=PROMPT)
    model: Text | None = Field(None, description=MODEL)


class DecodeRequest(Lenient):
    """Token ids to turn into texts."""

    ids: list[TokenId] | list[list[TokenId]] = Field(description="Token ids of one text or of several.")
    skip_special_tokens: StrictBool | None = Field(None, description="Leave them out, which is the default.")
    model: Text | None = Field(None, description=MODEL)


class Rank(BaseModel):
    """The score of one text."""

    index: int
    score: float
    text: str | None = None


class SimpleToken(BaseModel):
    """One token; start and stop count the bytes of the text with its prompt and are null for special tokens."""

    id: int
    text: str
    special: bool
    start: int | None
    stop: int | None


class InfoResponse(BaseModel):
    """What is served, in the fields that TEI's clients read."""

    model_id: str
    model_sha: str | None = Field(description="The model's fingerprint: equal ones give equal vectors.")
    model_dtype: str
    model_type: dict[str, Any]
    max_concurrent_requests: int
    max_input_length: int
    max_batch_tokens: int
    max_batch_requests: int | None = None
    max_client_batch_size: int
    auto_truncate: bool = False
    tokenization_workers: int
    version: str
    sha: str | None = None
    docker_label: str | None = None
    reranker: str = Field(description="What /rerank scores with: cross-encoder, probability or similarity.")
