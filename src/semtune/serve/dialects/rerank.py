"""Reranking: `/v1/rerank` and `/v2/rerank` as in Cohere's API, and `/rerank`, where the body says whose it is."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Body, Response
from pydantic import Discriminator, Tag

from semtune.serve.dialects.cohere import meta
from semtune.serve.dialects.cohere_schemas import RerankRequest as CohereRequest
from semtune.serve.dialects.cohere_schemas import RerankResponse
from semtune.serve.dialects.reranking import HEADER, Scored, score
from semtune.serve.dialects.shared import Asked, Shared, as_json, cut_headers, without_reranker
from semtune.serve.dialects.tei import NAMED
from semtune.serve.dialects.tei_schemas import Rank
from semtune.serve.dialects.tei_schemas import RerankRequest as TeiRequest
from semtune.serve.errors import ApiError

PAIRS_BILLED = 100  # documents of one of Cohere's search units


def _form(body: Any) -> str:
    documents = body.get("documents") if isinstance(body, dict) else getattr(body, "documents", None)
    return "tei-form" if documents is None else "cohere-form"


EitherRequest: TypeAlias = Annotated[
    Annotated[TeiRequest, Tag("tei-form")] | Annotated[CohereRequest, Tag("cohere-form")], Discriminator(_form)
]


def router(shared: Shared) -> APIRouter:
    """Reranking in all forms."""
    routes = APIRouter(tags=["Rerank"])

    @routes.post("/v1/rerank", response_model=RerankResponse)
    async def rerank_v1(request: CohereRequest) -> Response:
        """Sort documents by their relevance for a query."""
        return await _cohere(shared, request, request.model, 1)

    @routes.post("/v2/rerank", response_model=RerankResponse)
    async def rerank_v2(request: CohereRequest) -> Response:
        """Sort documents by their relevance for a query."""
        return await _cohere(shared, request, request.model, 2)

    @routes.post(NAMED + "/rerank", response_model=list[Rank] | RerankResponse)
    @routes.post("/rerank", response_model=list[Rank] | RerankResponse)
    async def rerank(request: Annotated[EitherRequest, Body()], name: str | None = None) -> Response:
        """Sort texts by their relevance: `texts` as TEI's clients send them, `documents` as Cohere's and Jina's."""
        if isinstance(request, CohereRequest):
            return await _cohere(shared, request, name or request.model, 1)
        return await _tei(shared, request, name or request.model)

    return routes


async def _tei(shared: Shared, request: TeiRequest, name: str | None) -> Response:
    asked, scored = await _scored(shared, request, name, request.texts, bool(request.truncate), "texts")
    scores = scored.raw if request.raw_scores else scored.scores
    ranks = [
        {"index": place, "score": scores[place]} | ({"text": request.texts[place]} if request.return_text else {})
        for place in scored.ranked()
    ]
    return _response(ranks, asked, scored)


async def _cohere(shared: Shared, request: CohereRequest, name: str | None, version: int) -> Response:
    texts = [text_of(each, place, request.rank_fields) for place, each in enumerate(request.documents)]
    asked, scored = await _scored(shared, request, name, texts, True, "documents")
    results: list[dict[str, Any]] = []
    for place in scored.ranked()[: request.top_n]:
        results.append({"index": place, "relevance_score": scored.scores[place]})
        if request.return_documents:
            document = request.documents[place]
            results[-1]["document"] = {"text": document} if isinstance(document, str) else document
    units = -(-len(texts) // PAIRS_BILLED)
    content = {"id": str(uuid.uuid4()), "results": results, "meta": meta(version, search_units=units)}
    return _response(content, asked, scored)


def text_of(document: str | dict[str, Any], place: int, fields: Sequence[str] | None) -> str:
    """What is read of a document: a text, the field `text` of an object, or the fields that the request names.

    Raises:
        ApiError: 400, the object lacks them, or they are no texts.
    """
    if isinstance(document, str):
        return document
    parts = [(name, document.get(name)) for name in fields or ("text",)]
    for name, value in parts:
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise ApiError(
                400,
                f"'documents[{place}]' has no text in the field {name!r}. Give strings, objects with 'text', or name "
                "the fields in 'rank_fields'.",
                param="documents",
            )
    return str(parts[0][1]) if len(parts) == 1 else "\n".join(f"{name}: {value}" for name, value in parts)


async def _scored(
    shared: Shared, request: TeiRequest | CohereRequest, name: str | None, texts: list[str], truncate: bool, field: str
) -> tuple[Asked, Scored]:
    asked = shared.asked(without_reranker(name), None, request.model_extra)
    shared.check_count(len(texts), field)
    with shared.workers.admit("bulk"):
        return asked, await score(shared.workers, asked.served, request.query, texts, truncate, field)


def _response(content: Any, asked: Asked, scored: Scored) -> Response:
    headers = {
        **cut_headers(scored.truncated, scored.cut_tokens),
        **asked.ignored_header(),
        HEADER: scored.by,
    }
    return Response(as_json(content), media_type="application/json", headers=headers)
