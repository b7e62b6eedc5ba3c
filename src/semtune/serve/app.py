"""The HTTP application: one table of routers over what is served."""

from __future__ import annotations

import logging

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from semtune import __version__
from semtune.serve import errors
from semtune.serve.body_limit import BodyLimit
from semtune.serve.catalogue import Catalogue
from semtune.serve.dialects import openai
from semtune.serve.key_file import KeyFile
from semtune.serve.keys import ApiKeys
from semtune.serve.own import admin, api_docs, documents, feedback, health, search, similar
from semtune.serve.own.care import IndexCare
from semtune.serve.own.feedback_file import FeedbackFile
from semtune.serve.settings import ServeSettings
from semtune.serve.workers import Workers

logger = logging.getLogger(__name__)

ENDPOINTS = "/docs, /search, /similar, /documents, /feedback, /admin, /health, /v1/embeddings or /v1/models"
DIALECTS = (openai.DIALECT,)
DEFAULTS = ServeSettings()


def create_app(catalogue: Catalogue, settings: ServeSettings = DEFAULTS, care: IndexCare | None = None) -> FastAPI:
    """Create the application, ready for its first request: the encoders are tried on a few texts here.

    Call `registry.need("fastapi", "uvicorn")` before importing this module.

    Args:
        catalogue: the models and indexes.
        settings: limits and access.
        care: what operators may do with the indexes; None: nothing.

    Raises:
        ContractError: an index uses another model than its encoder, or the vectors are not those of the export.
        ModelError: an encoder's vectors depend on the batch, are not numbers, or are all alike.
        StorageError: the file for feedback cannot be written.
        ConfigError: the file of API keys cannot be used.
    """
    catalogue.check()
    workers = Workers(settings.threads, settings.queue)
    kept = FeedbackFile(settings.feedback) if settings.feedback else None
    # The interactive API pages are off: they load their scripts from a content delivery network.
    app = FastAPI(title="Semtune", version=__version__, docs_url=None, redoc_url=None)
    errors.install(app, ENDPOINTS, DIALECTS)
    app.add_middleware(BodyLimit, limit=settings.max_body)
    app.add_middleware(ApiKeys, file=_keys(settings), dialects=DIALECTS, origins=settings.cors_origins)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=settings.cors_origins, allow_methods=["*"], allow_headers=["*"]
        )
    for routes in (
        search.router(catalogue, workers),
        similar.router(catalogue, workers),
        documents.router(catalogue, workers, settings),
        admin.router(catalogue, care),
        openai.router(catalogue, workers),
        health.router(catalogue),
        feedback.router(catalogue, kept),
        api_docs.router(),
    ):
        app.include_router(routes)
    return app


def _keys(settings: ServeSettings) -> KeyFile | None:
    if settings.api_key_file is None:
        return None
    file = KeyFile(settings.api_key_file)
    if file.warning:
        logger.warning("%s", file.warning)
    return file
