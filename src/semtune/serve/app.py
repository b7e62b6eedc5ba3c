"""The HTTP application: one table of routers over what is served."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from semtune import __version__
from semtune.serve import errors
from semtune.serve.account import MANY
from semtune.serve.catalogue import Catalogue
from semtune.serve.dialects import cohere, openai, rerank, tei, tei_tokens
from semtune.serve.dialects.shared import Shared
from semtune.serve.key_file import KeyFile
from semtune.serve.keys import ApiKeys
from semtune.serve.metrics import Metrics
from semtune.serve.observed import Observed
from semtune.serve.own import (
    admin,
    api_docs,
    classify,
    documents,
    feedback,
    health,
    metrics_route,
    page_data,
    page_map,
    recommend,
    search,
    similar,
    topics,
)
from semtune.serve.own.api_examples import add_examples
from semtune.serve.own.care import IndexCare
from semtune.serve.own.feedback_file import FeedbackFile
from semtune.serve.request_body import BodyLimits
from semtune.serve.request_guard import Guarded, RequestGuard
from semtune.serve.settings import ServeSettings
from semtune.serve.tracing import Tracing, tracing
from semtune.serve.trailing_slash import TrailingSlash
from semtune.serve.workers import Workers

logger = logging.getLogger(__name__)

ENDPOINTS = (
    "/docs, /search, /similar, /documents, /classify, /topics, /recommend, /feedback, /admin, /health, /metrics, "
    "/v1/embeddings, /v1/models, /rerank, /v2/rerank, /v2/embed or /embed"
)
DIALECTS = (cohere.DIALECT, openai.DIALECT, tei.DIALECT)  # the first that serves a path
STREAMED = ("/documents", "/admin/")  # bodies read in parts, and work that may take longer than a request
DEFAULTS = ServeSettings()


def create_app(
    catalogue: Catalogue,
    settings: ServeSettings = DEFAULTS,
    care: IndexCare | None = None,
    traces: Tracing | None = None,
) -> FastAPI:
    """Create the application, ready for its first request: the encoders are tried on a few texts here.

    Call `registry.need("fastapi", "uvicorn")` before importing this module.

    Args:
        catalogue: the models and indexes.
        settings: limits and access.
        care: what operators may do with the indexes; None: nothing.
        traces: makes the spans; None: as the environment says.

    Raises:
        ContractError: an index uses another model than its encoder, or the vectors are not those of the export.
        ModelError: an encoder's vectors depend on the batch, are not numbers, or are all alike.
        StorageError: the file for feedback cannot be written.
        ConfigError: the file of API keys cannot be used.
    """
    metrics = Metrics(catalogue)
    workers = Workers(settings.threads, settings.queue, metrics)
    workers.warm(catalogue.check)
    shared = Shared.of(catalogue, workers, settings)
    kept = FeedbackFile(settings.feedback) if settings.feedback else None

    # The interactive API pages are off: they load their scripts from a content delivery network.
    app = FastAPI(title="Semtune", version=__version__, docs_url=None, redoc_url=None, redirect_slashes=False)
    errors.install(app, ENDPOINTS, DIALECTS)
    limits = BodyLimits(settings.max_body, settings.receive_timeout)
    app.add_middleware(RequestGuard, guarded=Guarded(limits, settings.timeout, STREAMED, DIALECTS))
    app.add_middleware(ApiKeys, file=_keys(settings), dialects=DIALECTS, origins=settings.cors_origins)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=settings.cors_origins, allow_methods=["*"], allow_headers=["*"]
        )
    app.add_middleware(TrailingSlash)  # outside of the keys, which are asked for by the path that is served
    for routes in (
        search.router(catalogue, workers, settings.max_k, settings.gather),
        similar.router(catalogue, workers, settings.max_k),
        documents.router(catalogue, workers, settings),
        classify.router(catalogue, workers, settings.max_inputs),
        topics.router(catalogue, workers, settings.max_inputs),
        recommend.router(catalogue, workers, settings.max_k, catalogue.uses.recommenders),
        admin.router(catalogue, care, _shared_folder()),
        openai.router(shared),
        cohere.router(shared),
        rerank.router(shared),
        tei.router(shared),
        tei_tokens.router(shared),
        health.router(catalogue),
        metrics_route.router(metrics),
        feedback.router(catalogue, kept),
        page_data.router(catalogue, workers, feedback=kept is not None),
        api_docs.router(),
        page_map.router(catalogue, workers),
    ):
        add_examples(routes)
        app.include_router(routes)
    # The last one is the outermost: it sees also what the others refuse.
    app.add_middleware(Observed, meter=metrics, tracing=traces or tracing(), log_texts=settings.log_texts)
    return app


def _keys(settings: ServeSettings) -> KeyFile | None:
    if settings.api_key_file is None:
        return None
    file = KeyFile(settings.api_key_file)
    if file.warning:
        logger.warning("%s", file.warning)
    return file


def _shared_folder() -> Path | None:
    """A folder that all processes of this server have, and that is removed with it; None: there is only one process."""
    place = os.environ.get(MANY)
    return Path(place) if place else None
