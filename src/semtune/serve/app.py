"""The HTTP application: one table of routers over what is served."""

from __future__ import annotations

from fastapi import FastAPI

from semtune import __version__
from semtune.serve import errors
from semtune.serve.catalogue import Catalogue
from semtune.serve.dialects import openai
from semtune.serve.metrics import Metrics
from semtune.serve.observed import Observed
from semtune.serve.own import feedback, health, metrics_route, search
from semtune.serve.own.feedback_file import FeedbackFile
from semtune.serve.request_body import BodyLimits
from semtune.serve.request_guard import Guarded, RequestGuard
from semtune.serve.settings import ServeSettings
from semtune.serve.tracing import Tracing, tracing
from semtune.serve.workers import Workers

ENDPOINTS = "/, /search, /feedback, /health, /v1/embeddings or /v1/models"
DIALECTS = (openai.DIALECT,)
STREAMED = ("/documents", "/admin/")  # bodies read in parts, and work that may take longer than a request
DEFAULTS = ServeSettings()


def create_app(catalogue: Catalogue, settings: ServeSettings = DEFAULTS, traces: Tracing | None = None) -> FastAPI:
    """Create the application, ready for its first request: the encoders are tried on a few texts here.

    Call `registry.need("fastapi", "uvicorn")` before importing this module.

    Args:
        catalogue: the models and indexes.
        settings: limits and access.
        traces: makes the spans; None: as the environment says.

    Raises:
        ContractError: an index uses another model than its encoder, or the vectors are not those of the export.
        ModelError: an encoder's vectors depend on the batch, are not numbers, or are all alike.
        StorageError: the file for feedback cannot be written.
    """
    metrics = Metrics(catalogue)
    workers = Workers(settings.threads, settings.queue, metrics)
    workers.warm(catalogue.check)
    kept = FeedbackFile(settings.feedback) if settings.feedback else None

    # The interactive API pages are off: they load their scripts from a content delivery network.
    app = FastAPI(title="Semtune", version=__version__, docs_url=None, redoc_url=None)
    errors.install(app, ENDPOINTS, DIALECTS)
    limits = BodyLimits(settings.max_body, settings.receive_timeout)
    app.add_middleware(RequestGuard, guarded=Guarded(limits, settings.timeout, STREAMED, DIALECTS))
    for routes in (
        search.router(catalogue, workers),
        openai.router(catalogue, workers),
        health.router(catalogue),
        metrics_route.router(metrics),
        feedback.router(kept),
    ):
        app.include_router(routes)
    # The last one is the outermost: it sees also what the others refuse.
    app.add_middleware(Observed, meter=metrics, tracing=traces or tracing(), log_texts=settings.log_texts)
    return app
