"""What only the search page asks for: what is served, and which filters to offer."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from semtune.index import versions
from semtune.serve.catalogue import Catalogue, Served
from semtune.serve.own.facets import facets
from semtune.serve.own.lazily import Lazily, later
from semtune.serve.own.search import find_index
from semtune.serve.workers import Workers


def router(catalogue: Catalogue, workers: Workers, *, feedback: bool) -> APIRouter:
    """The routes under `/page`; `feedback` says whether it is kept."""
    routes = APIRouter(prefix="/page", include_in_schema=False)
    counted: Lazily[dict[str, Any]] = Lazily(workers)

    @routes.get("/about")
    def about() -> dict[str, Any]:  # not async: the counts may query a database
        return {"served": [_about(served) for served in catalogue], "feedback": feedback}

    @routes.get("/facets")
    async def offered(index: str | None = None) -> Response:
        served = find_index(catalogue, index)
        with workers.admit():
            count = await workers.run(partial(count_of, served))
            found = await counted.get(served.name, count, partial(_facets, served))
        return later() if found is None else JSONResponse(found)

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


def count_of(served: Served) -> int:
    """Documents in the index; 0 without one."""
    return served.documents or 0


def _facets(served: Served) -> dict[str, Any]:
    with served.searching() as searcher, searcher.collection.snapshot() as snapshot:
        return facets(snapshot)
