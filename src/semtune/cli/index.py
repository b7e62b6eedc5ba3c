"""`semtune index`: documents and a model in, an index out."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from semtune.cli.console import JSON, RUNTIME, Console


def index(
    model: Annotated[str, typer.Argument(help="A name, a hub id, a model folder or a run folder.")],
    corpus: Annotated[Path, typer.Argument(help="A data set, a run, a corpus.jsonl, or any folder or table of texts.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The index folder to write.")],
    backend: Annotated[str, typer.Option("--backend", help="faiss or milvus")] = "faiss",
    uri: Annotated[
        str, typer.Option("--uri", help="milvus: a file ending in .db (milvus-lite) or http://host:19530")
    ] = "",
    collection: Annotated[str, typer.Option("--collection", help="milvus: the collection's name")] = "",
    runtime: Annotated[str, RUNTIME] = "auto",
    _seed: Annotated[int, typer.Option("--seed", hidden=True)] = 13,  # of earlier versions; nothing is drawn
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Embed documents and index them, with their texts beside the vectors."""
    from semtune import api
    from semtune.index.settings import IndexSettings

    console = Console(as_json)
    settings = IndexSettings(backend=backend, uri=uri, collection=collection)
    with console.progress() as progress:
        made = api.index(model, corpus, out, settings=settings, runtime=runtime, progress=progress)
    console.say(
        f"{out}: {made.count:,} documents, {made.index_type} in {made.backend}, recall@10 {made.recall_at_10:.3f} "
        f"against exact search (asked with {made.asked_with}); {made.truncated:,} documents were longer than the "
        "model reads and were cut"
    )
    for reason, count in made.left_out.items():
        console.say(f"  left out: {count:,} {reason}")
    for warning in made.warnings:
        console.say(f"  warning: {warning}")
    console.document({"path": str(out), **asdict(made)})
