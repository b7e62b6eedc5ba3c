"""OpenAI's API: `/v1/embeddings` and `/v1/models`, compatible with the official client.

Reference: https://platform.openai.com/docs/api-reference/embeddings
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from fastapi import APIRouter, Response

from semtune.encoders.checked import truncate_of
from semtune.errors import ConfigError, TooLongError
from semtune.protocols import Encoder
from semtune.serve.http_errors import ApiError
from semtune.serve.schemas import EmbeddingsRequest, EmbeddingsResponse, ModelResponse, ModelsResponse
from semtune.serve.service import Service, SupportsDecoding
from semtune.types import Embeddings, Encoded, Role, Truncate

MAX_INPUTS = 2048
PIECE_CHARACTERS = 65_536  # about 16,000 tokens, which take a second or two
COUNTED_CHARACTERS = 2_048  # characters of one text that count; the rest is usually truncated
TRUNCATED_HEADER, CUT_HEADER = "X-Semtune-Truncated", "X-Semtune-Cut-Tokens"


def router(service: Service) -> APIRouter:
    """The OpenAI-compatible endpoints of a service."""
    routes = APIRouter(prefix="/v1", tags=["OpenAI"])

    @routes.post("/embeddings", response_model=EmbeddingsResponse)
    async def embeddings(request: EmbeddingsRequest) -> Response:
        """Embed texts. The headers X-Semtune-Truncated and X-Semtune-Cut-Tokens say how much was cut."""
        encoder = _encoder(request.truncate, service)  # one for the whole request: the index may be switched meanwhile
        name = encoder.contract.name
        _check_model(request.model, name)
        _check_dimensions(request.dimensions, encoder)
        with service.workers.admit():
            texts = await service.workers.run(partial(texts_of, request.input, encoder))
            parts, tokens, truncated, cut_tokens, done = [], 0, 0, 0, 0
            for piece in pieces(texts, len if truncate_of(encoder) == "window" else _usual_cost):
                encoded = await service.workers.run(partial(_encoded, encoder, piece, request.input_type, done))
                parts.append(encoded.vectors)
                tokens += encoded.tokens
                truncated += encoded.truncated
                cut_tokens += encoded.cut_tokens
                done += len(piece)
            vectors = np.concatenate(parts)
            body = await service.workers.run(partial(_body, vectors, request.encoding_format, name, tokens))
        headers = {TRUNCATED_HEADER: str(truncated), CUT_HEADER: str(cut_tokens)}
        return Response(body, media_type="application/json", headers=headers)

    @routes.get("/models")
    async def models() -> ModelsResponse:
        """The served model, as a list with one entry."""
        return ModelsResponse(data=[ModelResponse(id=service.model, created=service.started)])

    @routes.get("/models/{name:path}")
    async def model(name: str) -> ModelResponse:
        """The served model, by its name."""
        _check_model(name, service.model)
        return ModelResponse(id=name, created=service.started)

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


def _usual_cost(text: str) -> int:
    return min(len(text), COUNTED_CHARACTERS)


def pieces(texts: Sequence[str], cost_of: Callable[[str], int] = _usual_cost) -> Iterator[list[str]]:
    """Split a bulk request into pieces of work, so that other requests are served in between."""
    piece: list[str] = []
    size = 0
    for text in texts:
        cost = cost_of(text)
        if piece and size + cost > PIECE_CHARACTERS:
            yield piece
            piece, size = [], 0
        piece.append(text)
        size += cost
    if piece:
        yield piece


def _encoder(truncate: Truncate | bool | None, service: Service) -> Encoder:
    try:
        return service.encoder_for(truncate)
    except ConfigError as error:
        raise ApiError(400, str(error), param="truncate") from None


def _encoded(encoder: Encoder, piece: list[str], role: Role, done: int) -> Encoded:
    """Embed a piece of a request, of which `done` texts came before.

    Raises:
        ApiError: 400, a text is too long and may not be cut.
    """
    try:
        return encoder.encode(piece, role)
    except TooLongError as error:
        raise _refused(str(error.named([f"input[{done + place}]" for place in range(len(piece))]))) from None


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


def _check_model(name: str | None, served: str) -> None:
    if name is not None and name != served:
        raise ApiError(
            404,
            f"The model {name!r} is not served here. Use {served!r}, or leave 'model' out.",
            param="model",
            code="model_not_found",
        )


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
