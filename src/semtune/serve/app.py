"""The HTTP application: search, embeddings, health and the search page."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Response

from semtune import __version__
from semtune.index.follow import Following
from semtune.protocols import Encoder
from semtune.serve import http_errors, openai
from semtune.serve.body_limit import MAX_BODY, BodyLimit
from semtune.serve.feedback import FeedbackFile
from semtune.serve.http_errors import ApiError
from semtune.serve.schemas import (
    FeedbackRequest,
    FeedbackResponse,
    HealthResponse,
    HitResponse,
    SearchParams,
    SearchRequest,
    SearchResponse,
)
from semtune.serve.search_page import search_page
from semtune.serve.service import SearchOptions, Service, SupportsSearch
from semtune.serve.workers import QUEUE, Workers

MAX_QUERY = 32_768  # characters


def create_app(
    searcher: SupportsSearch | Following[SupportsSearch] | None,
    encoder: Encoder,
    *,
    threads: int = 0,
    queue: int = QUEUE,
    feedback: FeedbackFile | None = None,
) -> FastAPI:
    """Create the application, ready for its first request: the encoder is tried on a few texts here.

    Call `registry.need("fastapi", "uvicorn")` before importing this module.

    Args:
        searcher: answers /search; None to serve a model without an index. One that is followed moves to another version
            when the index was switched, and /v1/embeddings with it.
        encoder: answers /v1/embeddings; the searcher's own encoder, if there is one.
        threads: number of requests computed at once; 0: one per usable CPU, at least two.
        queue: number of requests that may wait; further ones are answered with 429.
        feedback: where /feedback is kept; None: it is refused.

    Raises:
        ContractError: the searcher uses another model than `encoder`, or its vectors are not those of the export.
        ModelError: the encoder's vectors depend on the batch, are not numbers, or are all alike.
    """
    service = Service(encoder, searcher, Workers(threads, queue))
    service.check()
    # The interactive API pages are off: they load their scripts from a content delivery network.
    app = FastAPI(title="Semtune", version=__version__, docs_url=None, redoc_url=None)
    http_errors.install(app)
    app.add_middleware(BodyLimit, limit=MAX_BODY)
    app.include_router(_search_router(service))
    app.include_router(openai.router(service))
    app.include_router(_server_router(service))
    app.include_router(_feedback_router(feedback))
    return app


def _search_router(service: Service) -> APIRouter:
    routes = APIRouter(prefix="/search", tags=["Search"])

    @routes.post("", response_model_exclude_unset=True)
    async def search(request: SearchRequest) -> SearchResponse:
        """Find the documents most similar to a query."""
        options = request.options() if request.asks_more() else None
        return await _search(service, request.query, request.k, request.min_score, "query", options)

    @routes.get("", response_model_exclude_unset=True)
    async def search_by_address(params: Annotated[SearchParams, Query()]) -> SearchResponse:
        """Find the documents most similar to a query given in the URL."""
        return await _search(service, params.q, params.k, params.min_score, "q")

    return routes


def _feedback_router(feedback: FeedbackFile | None) -> APIRouter:
    routes = APIRouter(tags=["Feedback"])

    @routes.post("/feedback")
    def give(request: FeedbackRequest) -> FeedbackResponse:  # not async: it waits for the disk
        """Say whether an answer was useful; `semtune label --queries` reads what was said."""
        if feedback is None:
            raise ApiError(404, "Feedback is not kept here. Start the server with `semtune serve ... --feedback FILE`.")
        if not request.query.strip() or len(request.query) > MAX_QUERY:
            raise ApiError(422, f"'query' is empty or longer than {MAX_QUERY:,} characters.")
        feedback.add(request.query, request.id, request.useful)
        return FeedbackResponse()

    return routes


def _server_router(service: Service) -> APIRouter:
    routes = APIRouter()
    answer = search_page()

    @routes.get("/health", tags=["Health"])
    def health() -> HealthResponse:  # not async: the count may query a database
        """What is served; answers even while the workers are busy."""
        contract = service.encoder.contract
        return HealthResponse(
            model=contract.name,
            dimension=contract.dimension,
            documents=service.documents,
            fingerprint=contract.fingerprint,
            runtime=service.encoder.runtime,
        )

    @routes.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def home() -> Response:
        return answer

    return routes


async def _search(
    service: Service,
    query: str,
    k: int,
    min_score: str | float | None,
    field: str,
    options: SearchOptions | None = None,
) -> SearchResponse:
    began = time.perf_counter()
    if service.index is None:
        raise ApiError(
            404,
            f"No index is served here, only the model {service.model!r} at /v1/embeddings. "
            "Build an index with `semtune index` and serve it with `semtune serve INDEX`.",
        )
    if not query.strip():
        raise ApiError(422, f"{field!r} is empty. Give at least one word.")
    if len(query) > MAX_QUERY:
        raise ApiError(413, f"{field!r} has {len(query):,} characters; the limit is {MAX_QUERY:,}. Shorten the query.")
    with service.workers.admit():
        answer = await service.workers.run(partial(service.answer, query, k, min_score, options))
    found = [HitResponse(**hit.as_dict()) for hit in answer.hits]
    known: dict[str, Any] = {"cut_tokens": answer.cut_tokens} if answer.cut_tokens else {}
    known |= {"warnings": list(answer.warnings)} if answer.warnings else {}
    return SearchResponse(query=query, hits=found, took_ms=round((time.perf_counter() - began) * 1000, 2), **known)
