"""The map of the corpus for the search page: the points, names of some of them, and the documents of a topic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from semtune.index import versions
from semtune.io import user_cache
from semtune.search.highlight import by_similarity
from semtune.serve.catalogue import Catalogue, Served
from semtune.serve.errors import ApiError
from semtune.serve.own.corpus_map import FORM, CorpusMap, drawn, from_bytes, to_bytes
from semtune.serve.own.lazily import Lazily, later
from semtune.serve.own.page_data import count_of
from semtune.serve.own.schemas import DEFAULT_K, MAX_K
from semtune.serve.own.search import check_query, find_index
from semtune.serve.workers import Lane, Workers
from semtune.types import Hit
from semtune.unit_vectors import unit
from semtune.work_cache import WorkCache, named_after

MOST_NAMED = 200  # points that are named, or found, in one request


def router(catalogue: Catalogue, workers: Workers) -> APIRouter:
    """The routes under `/page/map`; each answers 202 while the map is being drawn."""
    routes = APIRouter(prefix="/page/map", include_in_schema=False)
    maps: Lazily[CorpusMap] = Lazily(workers)

    async def answered(index: str | None, make: Callable[[Served, CorpusMap], Any], lane: Lane = "query") -> Response:
        served = find_index(catalogue, index)
        with workers.admit():
            count = await workers.run(partial(count_of, served))
            found = await maps.get(served.name, count, partial(_map, served, count))
            return later() if found is None else JSONResponse(await workers.run(partial(make, served, found), lane))

    @routes.get("")
    async def points(index: str | None = None) -> Response:
        return await answered(index, lambda _, found: found.as_dict(), "bulk")

    @routes.get("/titles")
    async def titles(at: str, index: str | None = None) -> Response:
        rows = _rows(at)
        return await answered(index, lambda served, found: {"points": _titles(served, found.named(rows))})

    @routes.get("/places")
    async def places(id: Annotated[list[str], Query(max_length=MOST_NAMED)], index: str | None = None) -> Response:
        return await answered(index, lambda _, found: {"places": [found.row_of.get(each) for each in id]})

    @routes.get("/topics/{topic}")
    async def topic(
        topic: int, q: str = "", k: Annotated[int, Query(ge=1, le=MAX_K)] = DEFAULT_K, index: str | None = None
    ) -> Response:
        if q:
            check_query(q, "q")
        return await answered(index, lambda served, found: _in_topic(served, found, topic, q, k))

    return routes


def _map(served: Served, count: int) -> CorpusMap:
    """The map of an index: from the user's cache, if it was drawn before, of as many documents."""
    cache, name = WorkCache(user_cache() / "maps"), ""
    if served.home is not None:
        home, mark = served.home.resolve(), versions.mark(served.home)
        name = named_after("map", FORM, str(home), repr(mark), served.encoder.contract.fingerprint, str(count))
        kept = from_bytes(cache.get(name) or b"")
        if kept is not None:
            return kept
    with served.searching() as searcher, searcher.collection.snapshot() as snapshot:
        made = drawn(snapshot)
    if name:
        cache.folder.mkdir(parents=True, exist_ok=True)
        cache.put(name, to_bytes(made))
    return made


def _titles(served: Served, ids: Sequence[str]) -> list[dict[str, str] | None]:
    with served.searching() as searcher, searcher.collection.snapshot() as snapshot:
        found = snapshot.get(ids)
    return [None if each is None else {"id": each.id, "title": each.title, "text": each.text[:160]} for each in found]


def _in_topic(served: Served, map_: CorpusMap, topic: int, query: str, k: int) -> dict[str, Any]:
    """A topic's documents closest to the query; without one, to the topic's middle. Compared exactly."""
    if not 0 <= topic < len(map_.names):
        raise ApiError(404, f"There is no topic {topic}; the map has {len(map_.names)}, numbered from 0.")
    with served.searching() as searcher, searcher.collection.snapshot() as snapshot:
        kept = [each for each in snapshot.get(map_.members(topic)) if each is not None]
        if not kept:
            return {"query": query, "hits": []}
        asked = unit(searcher.encoder.encode([query], "query").vectors)[0] if query else map_.middles[topic]
        scores = unit(snapshot.vectors([each.id for each in kept])) @ asked
        best = [int(at) for at in np.argsort(-scores, kind="stable")[:k]]
        found = [kept[at] for at in best]
        spans = by_similarity([each.text for each in found], asked, searcher.encoder) if query else [None] * len(found)
    hits = [
        Hit(each.id, float(scores[at]), each.text, each.title, each.metadata, highlight=span).as_dict()
        for at, each, span in zip(best, found, spans, strict=True)
    ]
    return {"query": query, "hits": hits}


def _rows(text: str) -> list[int]:
    parts = text.split(",")
    if len(parts) > MOST_NAMED or not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts):
        raise ApiError(422, f"'at' must be up to {MOST_NAMED} numbers of points with commas between them.")
    return [int(part) for part in parts]
