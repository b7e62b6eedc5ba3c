"""What only the search page asks for: what is served, filters to offer, and the map of the corpus."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from semtune.index import versions
from semtune.io import user_cache
from semtune.search.highlight import by_similarity
from semtune.search.searcher import Searcher
from semtune.serve.catalogue import Catalogue, Served
from semtune.serve.errors import ApiError
from semtune.serve.own.corpus_map import FORM, CorpusMap, drawn, from_bytes, to_bytes
from semtune.serve.own.facets import facets
from semtune.serve.own.lazily import Lazily
from semtune.serve.own.schemas import MAX_K
from semtune.serve.own.search import check_query, find_index
from semtune.serve.workers import Workers
from semtune.types import Document
from semtune.unit_vectors import unit
from semtune.work_cache import WorkCache, named_after

LATER = {"Retry-After": "1", "Cache-Control": "no-store"}
MOST_TITLES = 200  # points that are named in one request


def router(catalogue: Catalogue, workers: Workers, *, feedback: bool) -> APIRouter:
    """The routes under `/page`; `feedback` says whether it is kept."""
    routes = APIRouter(prefix="/page", include_in_schema=False)
    maps: Lazily[CorpusMap] = Lazily(workers)
    counted: Lazily[dict[str, Any]] = Lazily(workers)

    @routes.get("/about")
    def about() -> dict[str, Any]:  # not async: the counts may query a database
        return {"served": [_about(served) for served in catalogue], "feedback": feedback}

    @routes.get("/facets")
    async def offered(index: str | None = None) -> Response:
        served = find_index(catalogue, index)
        with workers.admit():
            count = await workers.run(partial(_count, served))
            found = await counted.get(served.name, count, partial(_facets, served))
        return _later() if found is None else JSONResponse(found)

    async def map_of(served: Served) -> CorpusMap | None:
        count = await workers.run(partial(_count, served))
        return await maps.get(served.name, count, partial(_map, served, count))

    @routes.get("/map")
    async def corpus_map(index: str | None = None) -> Response:
        served = find_index(catalogue, index)
        with workers.admit():
            found = await map_of(served)
            return _later() if found is None else JSONResponse(await workers.run(found.as_dict, "bulk"))

    @routes.get("/map/titles")
    async def titles(at: str, index: str | None = None) -> Response:
        served = find_index(catalogue, index)
        with workers.admit():
            found = await map_of(served)
            if found is None:
                return _later()
            ids = [found.ids[place] for place in _places(at, len(found.ids))]
            return JSONResponse({"points": await workers.run(partial(_titles, served, ids))})

    @routes.get("/map/places")
    async def places(id: Annotated[list[str], Query(max_length=MOST_TITLES)], index: str | None = None) -> Response:
        served = find_index(catalogue, index)
        with workers.admit():
            found = await map_of(served)
            if found is None:
                return _later()
            return JSONResponse({"places": [found.row_of.get(each) for each in id]})

    @routes.get("/map/topics/{topic}")
    async def topic(topic: int, q: str = "", k: int = 10, index: str | None = None) -> Response:
        served = find_index(catalogue, index)
        if q:
            check_query(q, "q")
        with workers.admit():
            found = await map_of(served)
            if found is None:
                return _later()
            if not 0 <= topic < len(found.names):
                raise ApiError(404, f"There is no topic {topic}; the map has {len(found.names)}, numbered from 0.")
            return JSONResponse(await workers.run(partial(_in_topic, served, found, topic, q, min(max(k, 1), MAX_K))))

    return routes


def _about(served: Served) -> dict[str, Any]:
    contract = served.encoder.contract
    known: dict[str, Any] = {
        "name": served.name,
        "model": contract.name,
        "base": contract.base,
        "dimension": contract.dimension,
        "fingerprint": contract.fingerprint,
        "runtime": served.encoder.runtime,
        "calibrated": contract.calibration is not None,
        "documents": None,
    }
    if served.index is None:
        return known
    with served.searching() as searcher:
        manifest, text = searcher.manifest, searcher.collection.has_full_text
        known |= {
            "documents": searcher.count,
            "backend": manifest.backend,
            "index_type": manifest.index_type,
            "mode": searcher.mode_of(),
            "modes": ["dense", "keyword", "hybrid"] if text else ["dense"],
        }
    known["writable"] = served.home is not None
    known["version"] = versions.read(served.home).current if served.home else None
    return known


def _count(served: Served) -> int:
    return served.documents or 0


def _facets(served: Served) -> dict[str, Any]:
    with served.searching() as searcher, searcher.collection.snapshot() as snapshot:
        return facets(snapshot)


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
    with served.searching() as searcher, searcher.collection.snapshot() as snapshot:
        kept = [each for each in snapshot.get(map_.members(topic)) if each is not None]
        if not kept:
            return {"query": query, "hits": []}
        asked = unit(searcher.encoder.encode([query], "query").vectors)[0] if query else map_.middles[topic]
        scores = unit(snapshot.vectors([each.id for each in kept])) @ asked
        best = [int(at) for at in np.argsort(-scores, kind="stable")[:k]]
        hits = [_hit(kept[at], float(scores[at])) for at in best]
        if query:
            _highlight(hits, asked, searcher)
    return {"query": query, "hits": hits}


def _hit(document: Document, score: float) -> dict[str, Any]:
    return {
        "id": document.id,
        "score": score,
        "text": document.text,
        "title": document.title,
        "metadata": dict(document.metadata),
    }


def _highlight(hits: list[dict[str, Any]], query: Any, searcher: Searcher) -> None:
    spans = by_similarity([hit["text"] for hit in hits], query, searcher.encoder)
    for hit, span in zip(hits, spans, strict=True):
        if span is not None:
            hit["highlight"] = list(span)


def _places(text: str, count: int) -> list[int]:
    parts = text.split(",")
    if len(parts) > MOST_TITLES or not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts):
        raise ApiError(422, f"'at' must be up to {MOST_TITLES} numbers of points with commas between them.")
    return [place for place in map(int, parts) if place < count]


def _later() -> Response:
    return JSONResponse({"state": "computing"}, 202, headers=LATER)
