"""The state of the server, and the search page."""

from __future__ import annotations

from fastapi import APIRouter, Response

from semtune.serve.catalogue import Catalogue
from semtune.serve.own.schemas import HealthResponse, ServedState
from semtune.serve.page import search_page


def router(catalogue: Catalogue) -> APIRouter:
    """`/health`, `/health/live` and `/`."""
    routes = APIRouter()
    page = search_page()

    @routes.get("/health", tags=["Health"])
    def health() -> HealthResponse:  # not async: the count may query a database
        """What is served; answers even while the workers are busy."""
        served = catalogue.default
        contract = served.encoder.contract
        return HealthResponse(
            model=contract.name,
            dimension=contract.dimension,
            documents=served.documents,
            fingerprint=contract.fingerprint,
            runtime=served.encoder.runtime,
            served=[
                ServedState(name=each.name, documents=each.documents, model=each.encoder.contract.name)
                for each in catalogue
            ],
        )

    @routes.get("/health/live", tags=["Health"])
    async def live() -> dict[str, str]:
        """The process runs; it answers so also while models are opened, where `/health` is 503."""
        return {"status": "ok"}

    @routes.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def home() -> Response:
        return page

    return routes
