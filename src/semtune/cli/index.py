"""`semtune index`: documents and a model in, an index out."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semtune.cli.console import JSON, RUNTIME, TRUNCATE_HELP, Console
from semtune.cli.index_options import (
    COLLECTION,
    DATABASE,
    TLS_CA,
    TLS_CERTIFICATE,
    TLS_KEY,
    TOKEN_ENV,
    TOKEN_VARIABLE,
    UNREADABLE,
    URI,
    cut_documents,
    say_left_out,
)

if TYPE_CHECKING:
    from semtune.index.manifest import IndexManifest


def index(
    model: Annotated[str, typer.Argument(help="A name, a hub id, a model folder or a run folder.")],
    corpus: Annotated[Path, typer.Argument(help="A data set, a run, a corpus.jsonl, or any folder or table of texts.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The index folder to write.")],
    backend: Annotated[str, typer.Option("--backend", help="local (files) or milvus (a database)")] = "local",
    uri: Annotated[str, URI] = "",
    collection: Annotated[str, COLLECTION] = "",
    database: Annotated[str, DATABASE] = "",
    token_env: Annotated[str, TOKEN_ENV] = TOKEN_VARIABLE,
    tls_ca: Annotated[str, TLS_CA] = "",
    tls_certificate: Annotated[str, TLS_CERTIFICATE] = "",
    tls_key: Annotated[str, TLS_KEY] = "",
    recall: Annotated[
        float, typer.Option("--recall", help="local: share of the ten nearest that search must find; 1: exact search")
    ] = 0.95,
    memory: Annotated[
        int, typer.Option("--memory-mb", help="local: MB of memory that the searched vectors may take; 0: any")
    ] = 0,
    truncate: Annotated[str, typer.Option("--truncate", help=f"{TRUNCATE_HELP} Kept for the queries.")] = "cut",
    allow_unreadable: Annotated[bool, UNREADABLE] = False,
    runtime: Annotated[str, RUNTIME] = "auto",
    _seed: Annotated[int, typer.Option("--seed", hidden=True)] = 13,  # of earlier versions; nothing is drawn
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Embed documents and index them, with their texts beside the vectors."""
    from semtune import api
    from semtune.encoders.windows import parse_truncate
    from semtune.index.settings import IndexSettings

    console = Console(as_json)
    chosen = parse_truncate(truncate)
    settings = IndexSettings(
        backend=backend, uri=uri, collection=collection, database=database, token_env=token_env, tls_ca=tls_ca,
        tls_certificate=tls_certificate, tls_key=tls_key, truncate=chosen, recall=recall, memory_mb=memory,
    )  # fmt: skip
    with console.progress() as progress:
        made = api.index(
            model, corpus, out, settings=settings, runtime=runtime, allow_unreadable=allow_unreadable,
            progress=progress,
        )  # fmt: skip
    console.say(
        f"{out}: {made.count:,} documents, {made.index_type} in {made.backend}, recall@10 {made.recall_at_10:.3f} "
        f"against exact search (asked with {made.asked_with}), {made.query_ms:.1f} ms a search by vector; {_long(made)}"
    )
    if made.search_mode_reason:
        console.say(made.search_mode_reason)
    say_left_out(console, made.left_out, made.warnings)
    console.document({"path": str(out), **asdict(made)})


def _long(made: IndexManifest) -> str:
    """What became of documents longer than the model reads, in words."""
    if made.truncate == "window":
        return "documents longer than the model reads were read in windows"
    return cut_documents(made.truncated, made.cut_tokens)
