"""Search over HTTP: `/search`."""

from __future__ import annotations

import time
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Query

from semtune.search.options import SearchOptions
from semtune.serve.account import account
from semtune.serve.catalogue import Catalogue, Served, UnknownModelError
from semtune.serve.errors import ApiError
from semtune.serve.gathering import Gathering
from semtune.serve.own.schemas import HitResponse, SearchParams, SearchRequest, SearchResponse
from semtune.serve.workers import Workers
from semtune.stages import clocked
from semtune.types import Answer

Timed: TypeAlias = tuple[Answer, dict[str, float]]  # and the seconds of the stages
Searches: TypeAlias = Gathering[tuple[Served, SearchOptions], str, Timed]
MAX_QUERY = 32_768  # characters


def router(catalogue: Catalogue, workers: Workers, max_k: int, gather: int = 1) -> APIRouter:
    """Search, with a JSON body or by address.

    Args:
        catalogue: the indexes.
        workers: the threads that compute.
        max_k: the most hits that may be asked for.
        gather: searches that are computed together where they wait for a thread anyway.
    """
    routes = APIRouter(prefix="/search", tags=["Search"])
    gathering: Searches = Gathering(workers, _answers, gather)

    @routes.post("", response_model_exclude_unset=True)
    async def search(request: SearchRequest) -> SearchResponse:
        """Find the documents most similar to a query."""
        check_k(request.k, max_k)
        served = find_index(catalogue, request.index)
        return await _search(served, workers, gathering, request.query, request.options(), "query")

    @routes.get("", response_model_exclude_unset=True)
    async def search_by_address(params: Annotated[SearchParams, Query()]) -> SearchResponse:
        """Find the documents most similar to a query given in the URL."""
        check_k(params.k, max_k)
        served = find_index(catalogue, params.index)
        return await _search(served, workers, gathering, params.q, params.options(), "q")

    return routes


def find_index(catalogue: Catalogue, name: str | None) -> Served:
    """What is served by a name, and has an index; None: the default.

    Raises:
        ApiError: 404; there is nothing of that name, or it has no index.
    """
    try:
        served = catalogue.find(name).served
    except UnknownModelError as error:
        raise ApiError(404, str(error), param="index") from None
    if served.index is None:
        raise ApiError(
            404,
            f"No index is served here, only the model {served.name!r} at /v1/embeddings. "
            "Build an index with `semtune index` and serve it with `semtune serve INDEX`.",
        )
    return served


async def _search(
    served: Served, workers: Workers, gathering: Searches, query: str, options: SearchOptions, field: str
) -> SearchResponse:
    began = time.perf_counter()
    check_query(query, field)
    account().searched(served.name, query)
    with workers.admit():
        answer, stages = await gathering.run((served, options), query)
    account().stages.update(stages)
    found = [HitResponse(**hit.as_dict()) for hit in answer.hits]
    known: dict[str, Any] = {"cut_tokens": answer.cut_tokens} if answer.cut_tokens else {}
    known |= {"warnings": list(answer.warnings)} if answer.warnings else {}
    return SearchResponse(query=query, hits=found, took_ms=round((time.perf_counter() - began) * 1000, 2), **known)


def check_k(k: int, most: int) -> None:
    """Refuse more hits than the server's settings allow.

    Raises:
        ApiError: 422.
    """
    if k > most:
        raise ApiError(422, f"'k' is {k}; this server gives at most {most} hits. Ask for fewer.", param="k")


def check_query(query: str, field: str) -> None:
    """Refuse a query that is blank or very long.

    Raises:
        ApiError: 422 or 413.
    """
    if not query.strip():
        raise ApiError(422, f"{field!r} is empty. Give at least one word.")
    if len(query) > MAX_QUERY:
        raise ApiError(413, f"{field!r} has {len(query):,} characters; the limit is {MAX_QUERY:,}. Shorten the query.")


def _answers(key: tuple[Served, SearchOptions], queries: list[str]) -> list[Timed]:
    served, options = key
    with clocked() as seconds, served.searching() as searcher:
        found = searcher.answer_many(queries, options)
    return [(answer, seconds) for answer in found]
