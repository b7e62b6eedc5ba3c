"""`semtune index`: documents and a model in, an index out."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from semtune.cli.console import JSON, RUNTIME, SEED, Console


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
    seed: Annotated[int, SEED] = 13,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Embed documents and index them, with their texts beside the vectors."""
    from semtune.cli.sources import indexed_queries, read_documents, refuse_foreign
    from semtune.encoders.load import load_encoder, parse_runtime
    from semtune.errors import InputError
    from semtune.hub import resolve
    from semtune.index import manifest as manifests
    from semtune.index.settings import IndexSettings
    from semtune.index.step import IndexInputs, run
    from semtune.io import atomic_folder
    from semtune.machine import keep_freed_memory

    console = Console(as_json)
    settings = IndexSettings(backend=backend, uri=uri, collection=collection)
    chosen = parse_runtime(runtime)
    refuse_foreign(out, manifests.FILE, "an index", manifests.KIND)
    if not corpus.exists():
        raise InputError(f"{corpus.resolve()} does not exist; nothing can be indexed.")
    folder = resolve(model, serving=chosen != "torch")
    keep_freed_memory()
    with console.progress() as progress:
        encoder = load_encoder(str(folder), chosen)
        documents = read_documents(corpus, folder, encoder.contract, seed, progress)
        inputs = IndexInputs(
            lambda: documents, lambda: encoder, folder, settings, lambda: indexed_queries(corpus), out
        )
        with atomic_folder(out) as scratch:
            made = run(inputs, scratch, progress).manifest
    console.say(
        f"{out}: {made.count:,} documents, {made.index_type} in {made.backend}, recall@10 {made.recall_at_10:.3f} "
        f"against exact search (asked with {made.asked_with}); {made.truncated:,} documents were longer than the "
        "model reads and were cut"
    )
    console.document({"path": str(out), **asdict(made)})
