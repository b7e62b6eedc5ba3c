"""The HTTP application: one table of routers over what is served."""

from __future__ import annotations

from fastapi import FastAPI

from semtune import __version__
from semtune.serve import errors
from semtune.serve.body_limit import BodyLimit
from semtune.serve.catalogue import Catalogue
from semtune.serve.dialects import openai
from semtune.serve.own import feedback, health, page_data, page_map, search
from semtune.serve.own.feedback_file import FeedbackFile
from semtune.serve.settings import ServeSettings
from semtune.serve.workers import Workers

ENDPOINTS = "/, /search, /feedback, /health, /v1/embeddings or /v1/models"
DIALECTS = (openai.DIALECT,)
DEFAULTS = ServeSettings()


def create_app(catalogue: Catalogue, settings: ServeSettings = DEFAULTS) -> FastAPI:
    """Create the application, ready for its first request: the encoders are tried on a few texts here.

    Call `registry.need("fastapi", "uvicorn")` before importing this module.

    Args:
        catalogue: the models and indexes.
        settings: limits and access.

    Raises:
        ContractError: an index uses another model than its encoder, or the vectors are not those of the export.
        ModelError: an encoder's vectors depend on the batch, are not numbers, or are all alike.
        StorageError: the file for feedback cannot be written.
    """
    catalogue.check()
    workers = Workers(settings.threads, settings.queue)
    kept = FeedbackFile(settings.feedback) if settings.feedback else None
    # The interactive API pages are off: they load their scripts from a content delivery network.
    app = FastAPI(title="Semtune", version=__version__, docs_url=None, redoc_url=None)
    errors.install(app, ENDPOINTS, DIALECTS)
    app.add_middleware(BodyLimit, limit=settings.max_body)
    for routes in (
        search.router(catalogue, workers),
        openai.router(catalogue, workers),
        health.router(catalogue),
        feedback.router(kept),
        page_data.router(catalogue, workers, feedback=kept is not None),
        page_map.router(catalogue, workers),
    ):
        app.include_router(routes)
    return app
