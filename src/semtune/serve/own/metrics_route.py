"""`/metrics`, for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Response

from semtune.serve.metrics import Metrics

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def router(metrics: Metrics) -> APIRouter:
    """`/metrics`."""
    routes = APIRouter(tags=["Health"])

    @routes.get("/metrics", response_class=Response)
    def read() -> Response:  # not async: it counts documents, and reads files where there are several processes
        """Counters, gauges and histograms in Prometheus' text format."""
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    return routes
