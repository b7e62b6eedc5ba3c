"""Cohere's API: `/v1/embed` and `/v2/embed`; its `/v1/rerank` and `/v2/rerank` are in `rerank.py`.

Reference: https://docs.cohere.com/reference/embed
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from functools import partial
from typing import Any

from fastapi import APIRouter, Response

from semtune.protocols import Encoder
from semtune.serve import vector_json
from semtune.serve.dialects.cohere_schemas import EmbeddingType, EmbedRequest, EmbedResponse
from semtune.serve.dialects.cut_left import embed_ends
from semtune.serve.dialects.encodings import base64_float32, bits
from semtune.serve.dialects.shared import Shared, check_dimensions
from semtune.serve.embedding import Embedded, embed, encoder_for, lane_for, lane_of
from semtune.serve.errors import ApiError, Dialect
from semtune.types import Embeddings, Role


def _content(error: ApiError) -> dict[str, Any]:
    return {"message": error.message}


DIALECT = Dialect(("/v1/embed", "/v1/rerank", "/v2/"), _content, invalid=400)


def router(shared: Shared) -> APIRouter:
    """Embeddings, in both versions of the API."""
    routes = APIRouter(tags=["Cohere"])

    @routes.post("/v1/embed", response_model=EmbedResponse)
    async def embed_v1(request: EmbedRequest) -> Response:
        """Embed texts; without embedding_types the vectors are a plain list."""
        return await _answer(shared, request, 1)

    @routes.post("/v2/embed", response_model=EmbedResponse)
    async def embed_v2(request: EmbedRequest) -> Response:
        """Embed texts; the vectors are listed by type."""
        return await _answer(shared, request, 2)

    return routes


async def _answer(shared: Shared, request: EmbedRequest, version: int) -> Response:
    asked = shared.asked(request.model, _role(request), request.model_extra)
    encoder = encoder_for(asked.served, False if request.truncate == "NONE" else None)
    texts = texts_of(request)
    shared.check_count(len(texts), "texts")
    check_dimensions(request.output_dimension, encoder, "output_dimension")
    _check_bits(request.embedding_types, encoder)
    if request.max_tokens is not None:
        raise ApiError(400, "'max_tokens' is not supported: the model's own limit holds.", param="max_tokens")
    with shared.workers.admit(lane_for(texts)):
        made = await _read(shared, encoder, texts, asked.role or "document", request.truncate == "START")
        body = await shared.workers.run(partial(_body, made, texts, request.embedding_types, version), lane_of(texts))
    return Response(body, media_type="application/json", headers=asked.headers(made))


def texts_of(request: EmbedRequest) -> list[str]:
    """The texts of a request, of which `inputs` is the newer form.

    Raises:
        ApiError: 400, there are both or none.
    """
    if (request.texts is None) == (request.inputs is None):
        raise ApiError(400, "Give either 'texts', a list of strings, or 'inputs'.", param="texts")
    if request.inputs is None:
        return request.texts or []
    return ["\n".join(part.text for part in each.content) for each in request.inputs]


def meta(version: int, **billed: int) -> dict[str, Any]:
    """What Cohere's clients expect beside the answer; nothing is billed here."""
    return {"api_version": {"version": str(version)}, "billed_units": billed}


def _role(request: EmbedRequest) -> Role | None:
    if request.input_type is None:
        return None
    return "query" if request.input_type == "search_query" else "document"


async def _read(shared: Shared, encoder: Encoder, texts: list[str], role: Role, left: bool) -> Embedded:
    if not left:
        return await embed(shared.workers, encoder, texts, role, "texts")
    return await embed_ends(shared.workers, encoder, texts, role, "texts")


def _check_bits(types: Sequence[EmbeddingType] | None, encoder: Encoder) -> None:
    dimension = encoder.contract.dimension
    if types and {"binary", "ubinary"} & set(types) and dimension % 8:
        raise ApiError(
            400,
            f"The model {encoder.contract.name!r} has {dimension} dimensions, which do not fill whole bytes. Ask for "
            "float or base64.",
            param="embedding_types",
        )


def _body(made: Embedded, texts: list[str], types: Sequence[EmbeddingType] | None, version: int) -> bytes:
    content: dict[str, Any] = {"id": str(uuid.uuid4())}
    if version == 1:
        content["response_type"] = "embeddings_by_type" if types else "embeddings_floats"
    plain = version == 1 and not types
    content["embeddings"] = (
        vector_json.rows(made.vectors) if plain else {each: _as(each, made.vectors) for each in types or ("float",)}
    )
    return vector_json.as_json({**content, "texts": texts, "meta": meta(version, input_tokens=made.tokens)})


def _as(kind: EmbeddingType, vectors: Embeddings) -> list[Any]:
    if kind == "float":
        return vector_json.rows(vectors)
    return base64_float32(vectors) if kind == "base64" else bits(vectors, signed=kind == "binary")
