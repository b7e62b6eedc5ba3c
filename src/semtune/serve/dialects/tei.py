"""The API of text-embeddings-inference, at `/` and below `/tei/NAME` for clients that can send no model name.

Reference: https://huggingface.github.io/text-embeddings-inference
"""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter, Response

from semtune.protocols import Encoder
from semtune.serve import vector_json
from semtune.serve.dialects import token_ids
from semtune.serve.dialects.cut_left import embed_ends
from semtune.serve.dialects.reranking import similarities
from semtune.serve.dialects.shared import Asked, Shared, as_json, check_dimensions, without_reranker
from semtune.serve.dialects.tei_schemas import EmbedRequest, SimilarityParameters, SimilarityRequest
from semtune.serve.embedding import Embedded, embed, encoder_for, lane_for, lane_of
from semtune.serve.errors import ApiError, Dialect
from semtune.types import ROLES, Role
from semtune.unit_vectors import unit

NAMED = "/tei/{name}"
PLAIN = ("/embed", "/embed_all", "/similarity", "/rerank", "/tokenize", "/decode", "/info")
STATUSES: dict[str | int, int] = {
    "empty": 400,
    "too_long": 413,
    "too_many": 413,
    "model_failed": 424,
    "no_vector": 422,
    "token_ids": 422,
    400: 422,
}
TYPES = {400: "Empty", 424: "Backend", 429: "Overloaded", 500: "Backend", 503: "Unhealthy"}


def _content(error: ApiError) -> dict[str, Any]:
    kind = "Tokenizer" if error.code in ("no_vector", "token_ids") else TYPES.get(DIALECT.status(error), "Validation")
    return {"error": error.message, "error_type": kind}


DIALECT = Dialect(("/", "/tei/", *PLAIN), _content, statuses=STATUSES)


def router(shared: Shared) -> APIRouter:
    """Embeddings and similarities; `tei_tokens.router` and `rerank.router` have the other paths."""
    routes = APIRouter(tags=["Text Embeddings Inference"])

    @routes.post(NAMED + "/embed", response_model=list[list[float]])
    @routes.post(NAMED, response_model=list[list[float]], include_in_schema=False)
    @routes.post("/embed", response_model=list[list[float]])
    @routes.post("/", response_model=list[list[float]], include_in_schema=False)
    async def embed_texts(request: EmbedRequest, name: str | None = None) -> Response:
        """Embed texts."""
        asked = asked_for(shared, name or request.model, request.prompt_name, request.model_extra)
        encoder = encoder_for(asked.served, bool(request.truncate))
        check_dimensions(request.dimensions, encoder)
        _check_normalize(request.normalize, encoder)
        with shared.workers.admit(lane_for(request.inputs)):
            # Token ids are the model's own, as /tokenize gives them.
            read = partial(shared.texts, request.inputs, encoder, "inputs", token_ids.own)
            texts = await shared.workers.run(read)
            made = await _read(shared, encoder, texts, asked, request)
            vectors = made.vectors if request.normalize is False else unit(made.vectors)
            body = await shared.workers.run(lambda: vector_json.as_json(vector_json.rows(vectors)), lane_of(texts))
        return Response(body, media_type="application/json", headers=asked.headers(made))

    @routes.post(NAMED + "/embed_all")
    @routes.post("/embed_all")
    async def embed_all(request: EmbedRequest, name: str | None = None) -> list[list[list[float]]]:
        """Refused: an exported model gives one vector for each text, not one for each token."""
        asked = asked_for(shared, name or request.model, request.prompt_name, request.model_extra)
        raise ApiError(
            424,
            f"The exported model {asked.served.name!r} gives one vector for each text and none for each token. Use "
            "/embed.",
        )

    @routes.post(NAMED + "/similarity", response_model=list[float])
    @routes.post("/similarity", response_model=list[float])
    async def similarity(request: SimilarityRequest, name: str | None = None) -> Response:
        """Compare a sentence with others."""
        how = request.parameters or SimilarityParameters.model_validate({})
        asked = asked_for(shared, name or request.model, how.prompt_name, request.model_extra)
        encoder = encoder_for(asked.served, bool(how.truncate))
        sentences = request.inputs.sentences
        shared.check_count(len(sentences), "sentences")
        with shared.workers.admit("bulk"):
            made = await _read(shared, encoder, [request.inputs.source_sentence, *sentences], asked, how)
        scores = similarities(encoder, made.vectors[:1], made.vectors[1:])
        return Response(as_json(scores), media_type="application/json", headers=asked.headers(made))

    return routes


def asked_for(shared: Shared, name: str | None, prompt_name: str | None, extra: dict[str, Any] | None) -> Asked:
    """The model and role of a request.

    Raises:
        ApiError: 404 or 422; the name is unknown, or the prompt's.
    """
    return shared.asked(without_reranker(name), role_of(prompt_name), extra)


def role_of(prompt_name: str | None) -> Role | None:
    """The role that a prompt's name stands for; None: the request does not say.

    Raises:
        ApiError: 422, it is none of the two.
    """
    known: dict[str, Role] = {role: role for role in ROLES}
    known["passage"] = "document"  # as E5 and others call it
    if prompt_name is None or prompt_name in known:
        return known.get(prompt_name or "")
    raise ApiError(
        422, f"'prompt_name' is {prompt_name!r}; allowed are query and document (or passage).", param="prompt_name"
    )


async def _read(
    shared: Shared, encoder: Encoder, texts: list[str], asked: Asked, how: EmbedRequest | SimilarityParameters
) -> Embedded:
    """Embed texts, of which the beginning is cut where the request says so."""
    role = asked.role or "document"
    if not how.truncate or (how.truncation_direction or "right").lower() == "right":
        return await embed(shared.workers, encoder, texts, role, "inputs")
    return await embed_ends(shared.workers, encoder, texts, role, "inputs")


def _check_normalize(normalize: bool | None, encoder: Encoder) -> None:
    if normalize is False and encoder.contract.normalize:
        raise ApiError(
            422,
            f"The vectors of {encoder.contract.name!r} have length 1 by the model's contract, so 'normalize': false is "
            "not possible. Leave it out.",
            param="normalize",
        )
