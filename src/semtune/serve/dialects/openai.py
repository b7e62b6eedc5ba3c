"""OpenAI's API: `/v1/embeddings` and `/v1/models`, compatible with the official client.

Reference: https://platform.openai.com/docs/api-reference/embeddings
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, Protocol, runtime_checkable

from fastapi import APIRouter, Response

from semtune.protocols import Encoder
from semtune.serve.catalogue import Catalogue, Found, UnknownModelError
from semtune.serve.dialects.openai_schemas import EmbeddingsRequest, EmbeddingsResponse, ModelResponse, ModelsResponse
from semtune.serve.embedding import embed, encoder_for
from semtune.serve.errors import ApiError, Dialect
from semtune.serve.workers import Workers
from semtune.types import Embeddings

MAX_INPUTS = 2048
TRUNCATED_HEADER, CUT_HEADER = "X-Semtune-Truncated", "X-Semtune-Cut-Tokens"


@runtime_checkable
class SupportsDecoding(Protocol):
    """An encoder that can also turn token ids back into text."""

    def decode(self, ids: Sequence[int]) -> str:
        """Token ids to text, without special tokens."""
        ...


def _content(error: ApiError) -> dict[str, Any]:
    kind = "server_error" if error.status >= 500 else "invalid_request_error"
    kind = "rate_limit_error" if error.status == 429 else kind
    return {"error": {"message": error.message, "type": kind, "param": error.param, "code": error.code}}


DIALECT = Dialect(("/v1/",), _content, invalid=400)


def router(catalogue: Catalogue, workers: Workers) -> APIRouter:
    """The OpenAI-compatible endpoints."""
    routes = APIRouter(prefix="/v1", tags=["OpenAI"])
    started = int(time.time())

    @routes.post("/embeddings", response_model=EmbeddingsResponse)
    async def embeddings(request: EmbeddingsRequest) -> Response:
        """Embed texts. The headers X-Semtune-Truncated and X-Semtune-Cut-Tokens say how much was cut."""
        served, role = _find(catalogue, request.model)
        encoder = encoder_for(served, request.truncate)
        _check_dimensions(request.dimensions, encoder)
        many = isinstance(request.input, list) and len(request.input) > 1 and not isinstance(request.input[0], int)
        with workers.admit("bulk" if many else "query"):
            texts = await workers.run(partial(texts_of, request.input, encoder))
            made = await embed(workers, encoder, texts, role or request.input_type)
            body = await workers.run(
                partial(_body, made.vectors, request.encoding_format, request.model or served.name, made.tokens)
            )
        headers = {TRUNCATED_HEADER: str(made.truncated), CUT_HEADER: str(made.cut_tokens)}
        return Response(body, media_type="application/json", headers=headers)

    @routes.get("/models")
    async def models() -> ModelsResponse:
        """The served models, by every name that they answer to."""
        return ModelsResponse(data=[ModelResponse(id=name, created=started) for name in catalogue.names()])

    @routes.get("/models/{name:path}")
    async def model(name: str) -> ModelResponse:
        """A served model, by its name."""
        _find(catalogue, name)
        return ModelResponse(id=name, created=started)

    return routes


def texts_of(value: str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]], encoder: Encoder) -> list[str]:
    """Turn any of the four forms of `input` into texts.

    Raises:
        ApiError: 400; there are no texts or too many, a text is empty, or token ids cannot be decoded.
    """
    inputs: list[Any] = [value] if isinstance(value, str) or (value and isinstance(value[0], int)) else list(value)
    if not inputs:
        raise _refused("'input' is an empty list. Give at least one text.")
    if len(inputs) > MAX_INPUTS:
        raise _refused(f"'input' holds {len(inputs):,} texts; the maximum is {MAX_INPUTS:,}. Send several requests.")
    texts: list[str] = []
    for position, each in enumerate(inputs):
        text = each if isinstance(each, str) else _decoded(each, encoder)
        if not text:
            place = "'input'" if isinstance(value, str) else f"'input[{position}]'"
            raise _refused(f"{place} is empty. Leave it out, or give it some text.")
        texts.append(text)
    return texts


def _decoded(ids: Sequence[int], encoder: Encoder) -> str:
    if not isinstance(encoder, SupportsDecoding):
        raise _refused(
            f"'input' holds token ids, which the model {encoder.contract.name!r} cannot decode here. Send texts."
        )
    return encoder.decode(ids)


def _body(vectors: Embeddings, encoding: Literal["float", "base64"], model: str, tokens: int) -> bytes:
    """Write the response without pydantic, which would validate every single number."""
    data = [
        {"object": "embedding", "index": index, "embedding": vector}
        for index, vector in enumerate(_base64(vectors) if encoding == "base64" else vectors.tolist())
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    content = {"object": "list", "data": data, "model": model, "usage": usage}
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _base64(vectors: Embeddings) -> list[str]:
    return [base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii") for vector in vectors]


def _find(catalogue: Catalogue, name: str | None) -> Found:
    try:
        return catalogue.find(name)
    except UnknownModelError as error:
        raise ApiError(404, str(error), param="model", code="model_not_found") from None


def _check_dimensions(dimensions: int | None, encoder: Encoder) -> None:
    own = encoder.contract.dimension
    if dimensions is not None and dimensions != own:
        raise ApiError(
            400,
            f"'dimensions' is {dimensions}, but the model {encoder.contract.name!r} has {own} dimensions and cannot "
            f"shorten its vectors. Use {own}, or leave 'dimensions' out.",
            param="dimensions",
        )


def _refused(message: str) -> ApiError:
    return ApiError(400, message, param="input")
