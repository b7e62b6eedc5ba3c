"""`semtune serve`: search and embeddings over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from semtune.cli.console import JSON, RUNTIME, TRUNCATE_HELP, Console


def serve(
    target: Annotated[
        str, typer.Argument(help="An index folder, a run folder, or a model (embeddings only).", metavar="INDEX|MODEL")
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
    runtime: Annotated[str, RUNTIME] = "auto",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Serve /search, /v1/embeddings, /health and a search page."""
    from semtune.encoders.load import load_encoder, parse_runtime
    from semtune.encoders.windows import parse_truncate
    from semtune.machine import share_freed_memory
    from semtune.registry import need
    from semtune.search.following import follow_searcher
    from semtune.search.searcher import has_index

    need("fastapi", "uvicorn")
    from semtune.serve.app import create_app
    from semtune.serve.feedback import FeedbackFile
    from semtune.serve.server import run_server

    console = Console(as_json)
    share_freed_memory()
    chosen = parse_runtime(runtime)
    rule = parse_truncate(truncate) if truncate else None
    index = follow_searcher(Path(target), model, chosen, rule) if has_index(Path(target)) else None
    encoder = index.value.encoder if index else load_encoder(model or target, chosen, truncate=rule or "cut")
    app = create_app(index, encoder, feedback=FeedbackFile(feedback) if feedback else None)

    def announce(url: str) -> None:
        count = index.value.count if index else 0
        what = f"{count:,} documents" if index else "embeddings only, no index"
        console.say(f"Serving {encoder.contract.name} ({what}) at {url}  —  Ctrl-C stops it.")
        console.document({"url": url, "model": encoder.contract.name, "documents": count})

    try:
        run_server(app, host, port, announce)
    finally:
        if index:
            index.close()
