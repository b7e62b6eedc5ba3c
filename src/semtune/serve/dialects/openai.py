"""OpenAI's API: `/v1/embeddings` and `/v1/models`, compatible with the official client.

Reference: https://platform.openai.com/docs/api-reference/embeddings
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any, Literal

from fastapi import APIRouter, Response

from semtune.serve import vector_json
from semtune.serve.dialects.encodings import base64_float32
from semtune.serve.dialects.openai_schemas import EmbeddingsRequest, EmbeddingsResponse, ModelResponse, ModelsResponse
from semtune.serve.dialects.shared import Shared, check_dimensions
from semtune.serve.embedding import embed, encoder_for, lane_for, lane_of
from semtune.serve.errors import ApiError, Dialect
from semtune.types import Embeddings


def _content(error: ApiError) -> dict[str, Any]:
    kind = "server_error" if error.status >= 500 else "invalid_request_error"
    kind = "rate_limit_error" if error.status == 429 else kind
    return {"error": {"message": error.message, "type": kind, "param": error.param, "code": error.code}}


DIALECT = Dialect(("/v1/",), _content, invalid=400)


def router(shared: Shared) -> APIRouter:
    """The OpenAI-compatible endpoints."""
    routes = APIRouter(prefix="/v1", tags=["OpenAI"])
    started = int(time.time())

    @routes.post("/embeddings", response_model=EmbeddingsResponse)
    async def embeddings(request: EmbeddingsRequest) -> Response:
        """Embed texts. The headers X-Semtune-Truncated and X-Semtune-Cut-Tokens say how much was cut."""
        asked = shared.asked(request.model, request.input_type, request.model_extra)
        encoder = encoder_for(asked.served, request.truncate)
        check_dimensions(request.dimensions, encoder)
        with shared.workers.admit(lane_for(request.input)):
            texts = await shared.workers.run(partial(shared.texts, request.input, encoder, "input", shared.ids))
            made = await embed(shared.workers, encoder, texts, asked.role or "document")
            encoding, name = request.encoding_format or "float", request.model or asked.served.name
            write = partial(_body, made.vectors, encoding, name, made.tokens)
            body = await shared.workers.run(write, lane_of(texts))
        return Response(body, media_type="application/json", headers=asked.headers(made))

    @routes.get("/models")
    async def models() -> ModelsResponse:
        """The served models, by every name that they answer to."""
        return ModelsResponse(data=[ModelResponse(id=name, created=started) for name in shared.catalogue.names()])

    @routes.get("/models/{name:path}")
    async def model(name: str) -> ModelResponse | ModelsResponse:
        """A served model, by its name."""
        name = name.rstrip("/")
        if not name:
            return await models()
        shared.asked(name)
        return ModelResponse(id=name, created=started)

    return routes


def _body(vectors: Embeddings, encoding: Literal["float", "base64"], model: str, tokens: int) -> bytes:
    data = [
        {"object": "embedding", "index": index, "embedding": vector}
        for index, vector in enumerate(base64_float32(vectors) if encoding == "base64" else vector_json.rows(vectors))
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return vector_json.as_json({"object": "list", "data": data, "model": model, "usage": usage})
