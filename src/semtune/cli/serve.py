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
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=256, help="Processes that share the port; each opens the models.")
    ] = 1,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Seconds until a request is given up (503).")
    ] = 60,
    log: Annotated[str, typer.Option("--log", help="Form of the log: text, or json (one object a line).")] = "text",
    log_texts: Annotated[
        bool, typer.Option("--log-texts", help="Write the queries of searches into the log; off by default.")
    ] = False,
    runtime: Annotated[str, RUNTIME] = "auto",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Serve /search, /v1/embeddings, /health and a search page."""
    from semtune.encoders.load import parse_runtime
    from semtune.encoders.windows import parse_truncate
    from semtune.registry import need

    need("fastapi", "uvicorn", "prometheus_client")
    from semtune.api.serving import index_care
    from semtune.serve.open import Target
    from semtune.serve.plan import Announced, ServePlan
    from semtune.serve.run import run
    from semtune.serve.settings import ServeSettings

    console = Console(as_json)
    settings = ServeSettings(
        host=host,
        port=port,
        feedback=feedback,
        workers=workers,
        timeout=timeout,
        log=log,  # type: ignore[arg-type] - checked there, in words
        log_texts=log_texts,
    )
    plan = ServePlan(
        [Target.parse(target) for target in targets],
        settings,
        model,
        parse_runtime(runtime),
        parse_truncate(truncate) if truncate else None,
        cross_encoder_graph(rerank, console),
        index_care,
    )

    def announce(url: str, facts: Announced) -> None:
        what = f"{facts.documents:,} documents" if facts.documents is not None else "embeddings only, no index"
        console.say(f"Serving {facts.default} ({what}) at {url}  —  Ctrl-C stops it.")
        console.document({"url": url, "model": facts.default, "documents": facts.documents or 0, "names": facts.names})

    run(plan, announce)
