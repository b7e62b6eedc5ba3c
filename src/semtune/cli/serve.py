"""`semtune serve`: search and embeddings over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from semtune.cli.console import JSON, TRUNCATE_HELP, Console
from semtune.cli.cross_encoder import cross_encoder_graph
from semtune.cli.index_options import SEARCH_MODEL

if TYPE_CHECKING:
    from semtune.serve.config import ServeConfig
    from semtune.serve.plan import ServePlan

TARGETS = typer.Argument(
    help="Index folders, run folders or models (embeddings only), each as PATH or NAME=PATH; the first is the default.",
    metavar="INDEX|MODEL...",
)
CONFIG = typer.Option("--config", help="A YAML file with 'targets' and the settings below; flags win.")
PORT = typer.Option("--port", min=0, max=65535, help="0 takes a free port. By default 8080.")
HOST = typer.Option("--host", help="0.0.0.0 accepts connections from other machines. By default 127.0.0.1.")
FEEDBACK = typer.Option(
    "--feedback", help="Accept POST /feedback and append it to this file, for `semtune run` and `semtune label`."
)
TRUNCATE = typer.Option("--truncate", help=f"{TRUNCATE_HELP} By default as in the index, else cut.")
RERANK = typer.Option("--rerank", help="A cross-encoder for /rerank and for searches that ask for it.")
CLASSIFIER = typer.Option("--classifier", help="A classifier for /classify, FOLDER or NAME=FOLDER; may be repeated.")
TOPICS = typer.Option("--topics", help="A folder of topics for /topics, FOLDER or NAME=FOLDER; may be repeated.")
RECOMMENDER = typer.Option("--recommender", help="A recommender for /recommend, FOLDER or INDEX NAME=FOLDER.")
KEYS = typer.Option("--api-key-file", help="A file with NAME SCOPE KEY a line; the scopes are read, write and admin.")
ORIGIN = typer.Option("--cors-origin", help="A site whose pages may call the API, such as https://a.org; may repeat.")
TOKEN_IDS = typer.Option("--token-ids", help="Token ids as input: refuse (default), own, or cl100k.")
WORKERS = typer.Option("--workers", min=1, max=256, help="Processes that share the port; each opens the models.")
THREADS = typer.Option("--threads", min=0, help="Requests computed at once; 0: one a usable CPU, at least two.")
QUEUE = typer.Option("--queue", min=0, help="Requests of a lane (queries, bulk) that may wait, by default 64.")
GATHER = typer.Option("--gather", min=1, max=256, help="Searches that wait and are computed together, by default 16.")
TIMEOUT = typer.Option("--timeout", min=0.1, help="Seconds until a request is given up (503), by default 60.")
RECEIVE = typer.Option("--receive-timeout", min=0.1, help="Seconds for a client to send a body, by default 20.")
BODY = typer.Option("--max-body", min=1024, help="Bytes of a request's body, by default 2 MiB.")
INPUTS = typer.Option("--max-inputs", min=1, help="Texts in one request for embeddings, by default 2048.")
MOST = typer.Option("--max-k", min=1, max=1000, help="Hits of one search, by default 100.")
LOG = typer.Option("--log", help="Form of the log: text, or json (one object a line).")
LOG_TEXTS = typer.Option("--log-texts/--no-log-texts", help="Write the queries of searches into the log; off.")
RUNTIME = typer.Option("--runtime", help="Of the models, as in `semtune encode`; by default auto.")


def serve(
    targets: Annotated[list[str] | None, TARGETS] = None,
    config: Annotated[Path | None, CONFIG] = None,
    port: Annotated[int | None, PORT] = None,
    host: Annotated[str | None, HOST] = None,
    model: Annotated[str | None, SEARCH_MODEL] = None,
    feedback: Annotated[Path | None, FEEDBACK] = None,
    truncate: Annotated[str | None, TRUNCATE] = None,
    rerank: Annotated[str | None, RERANK] = None,
    classifier: Annotated[list[str] | None, CLASSIFIER] = None,
    topics: Annotated[list[str] | None, TOPICS] = None,
    recommender: Annotated[list[str] | None, RECOMMENDER] = None,
    api_key_file: Annotated[Path | None, KEYS] = None,
    cors_origins: Annotated[list[str] | None, ORIGIN] = None,
    token_ids: Annotated[str | None, TOKEN_IDS] = None,
    workers: Annotated[int | None, WORKERS] = None,
    threads: Annotated[int | None, THREADS] = None,
    queue: Annotated[int | None, QUEUE] = None,
    gather: Annotated[int | None, GATHER] = None,
    timeout: Annotated[float | None, TIMEOUT] = None,
    receive_timeout: Annotated[float | None, RECEIVE] = None,
    max_body: Annotated[int | None, BODY] = None,
    max_inputs: Annotated[int | None, INPUTS] = None,
    max_k: Annotated[int | None, MOST] = None,
    log: Annotated[str | None, LOG] = None,
    log_texts: Annotated[bool | None, LOG_TEXTS] = None,
    runtime: Annotated[str | None, RUNTIME] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Serve search, documents, embeddings, reranking and a search page; /docs lists all of it."""
    from semtune.registry import need

    flags: dict[str, Any] = {
        "targets": targets, "port": port, "host": host, "model": model, "feedback": feedback, "truncate": truncate,
        "rerank": rerank, "classifier": classifier, "topics": topics, "recommender": recommender,
        "api_key_file": api_key_file, "cors_origins": cors_origins,
        "token_ids": token_ids, "workers": workers, "threads": threads, "queue": queue, "gather": gather,
        "timeout": timeout, "receive_timeout": receive_timeout, "max_body": max_body, "max_inputs": max_inputs,
        "max_k": max_k, "log": log, "log_texts": log_texts, "runtime": runtime,
    }  # fmt: skip
    need("fastapi", "uvicorn", "prometheus_client", "orjson")
    from semtune.serve.config import serve_config
    from semtune.serve.run import run

    console = Console(as_json)
    chosen = serve_config(config, flags)
    plan = _plan(chosen, console)
    if chosen.api_key_file is None and chosen.host not in ("127.0.0.1", "localhost", "::1"):
        console.say("Warning: no API keys, so everybody who reaches this machine may write. Give --api-key-file FILE.")
    run(plan, lambda url, facts: _announce(console, url, facts))


def _plan(chosen: ServeConfig, console: Console) -> ServePlan:
    from semtune.api.serving import index_care
    from semtune.encoders.load import parse_runtime
    from semtune.encoders.windows import parse_truncate
    from semtune.serve.plan import ServePlan

    return ServePlan(
        chosen.named,
        chosen.settings,
        chosen.model,
        parse_runtime(chosen.runtime),
        parse_truncate(chosen.truncate) if chosen.truncate else None,
        cross_encoder_graph(chosen.rerank, console),
        index_care,
        chosen.uses,
    )


def _announce(console: Console, url: str, facts: Any) -> None:
    what = f"{facts.documents:,} documents" if facts.documents is not None else "embeddings only, no index"
    others = f", and {', '.join(facts.names[1:])}" if len(facts.names) > 1 else ""
    console.say(f"Serving {facts.default} ({what}){others} at {url}  —  Ctrl-C stops it.")
    console.document({"url": url, "model": facts.default, "documents": facts.documents or 0, "names": facts.names})
