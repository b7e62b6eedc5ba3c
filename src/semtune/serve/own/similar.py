"""More like this over HTTP: `/similar`."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request

from semtune.serve.catalogue import Catalogue, Served
from semtune.serve.own.documents import Id, checked_id, no_such_document
from semtune.serve.own.schemas import HitResponse, SimilarParams, SimilarResponse
from semtune.serve.own.search import check_k, find_index
from semtune.serve.workers import Workers
from semtune.types import Hit


def router(catalogue: Catalogue, workers: Workers, max_k: int) -> APIRouter:
    """`/similar`; `max_k` is the most hits that may be asked for."""
    routes = APIRouter(tags=["Search"])

    @routes.get("/similar/{id:path}", response_model_exclude_unset=True)
    async def similar(request: Request, id: Id, params: Annotated[SimilarParams, Query()]) -> SimilarResponse:
        """Find the documents most similar to one of the index, by the vectors that it has."""
        began = time.perf_counter()
        check_k(params.k, max_k)
        served, name = find_index(catalogue, params.index), checked_id(request, id)
        with workers.admit():
            hits = await workers.run(partial(_like, served, name, params))
        found = [HitResponse(**hit.as_dict()) for hit in hits]
        return SimilarResponse(id=name, hits=found, took_ms=round((time.perf_counter() - began) * 1000, 2))

    return routes


def _like(served: Served, id_: str, asked: SimilarParams) -> list[Hit]:
    with served.searching() as searcher:
        with searcher.collection.snapshot() as seen:
            if not seen.hashes([id_]):
                raise no_such_document(id_)
        return searcher.more_like_this(
            id_, asked.k, where=asked.where, group_by=asked.group_by, diversity=asked.diversity, explain=asked.explain
        )
