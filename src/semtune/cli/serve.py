"""`semtune serve`: search and embeddings over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from semtune.cli.console import JSON, RUNTIME, TRUNCATE_HELP, Console
from semtune.cli.cross_encoder import cross_encoder_graph


def serve(
    targets: Annotated[
        list[str],
        typer.Argument(
            help="Index folders, run folders or models (embeddings only), each as PATH or NAME=PATH; the first is the "
            "default.",
            metavar="INDEX|MODEL...",
        ),
    ],
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free port.")] = 8080,
    host: Annotated[str, typer.Option("--host", help="0.0.0.0 accepts connections from other machines.")] = "127.0.0.1",
    model: Annotated[
        str | None,
        typer.Option("--model", help="Where the model of the index is now, or a pair with a query student of it."),
    ] = None,
    feedback: Annotated[
        Path | None,
        typer.Option("--feedback", help="Accept POST /feedback and append it to this file, for `semtune label`."),
    ] = None,
    truncate: Annotated[
        str | None, typer.Option("--truncate", help=f"{TRUNCATE_HELP} By default as in the index, else cut.")
    ] = None,
    rerank: Annotated[
        str | None, typer.Option("--rerank", help="A cross-encoder for /rerank and for searches that ask for it.")
    ] = None,
    runtime: Annotated[str, RUNTIME] = "auto",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Serve /search, /v1/embeddings, /health and a search page."""
    from semtune.encoders.load import parse_runtime
    from semtune.encoders.windows import parse_truncate
    from semtune.machine import share_freed_memory
    from semtune.registry import need

    need("fastapi", "uvicorn")
    from semtune.api.serving import index_care
    from semtune.serve.app import create_app
    from semtune.serve.open import Target, open_catalogue
    from semtune.serve.server import run_server
    from semtune.serve.settings import ServeSettings

    console = Console(as_json)
    settings = ServeSettings(host=host, port=port, feedback=feedback)
    share_freed_memory()
    catalogue = open_catalogue(
        [Target.parse(target) for target in targets],
        model=model,
        runtime=parse_runtime(runtime),
        truncate=parse_truncate(truncate) if truncate else None,
        reranker=cross_encoder_graph(rerank, console),
    )

    def announce(url: str) -> None:
        served = catalogue.default
        count = served.documents
        what = f"{count:,} documents" if count is not None else "embeddings only, no index"
        console.say(f"Serving {served.name} ({what}) at {url}  —  Ctrl-C stops it.")
        console.document(
            {"url": url, "model": served.name, "documents": count or 0, "names": [each.name for each in catalogue]}
        )

    try:
        run_server(create_app(catalogue, settings, index_care()), settings.host, settings.port, announce)
    finally:
        catalogue.close()
