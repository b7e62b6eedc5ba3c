"""`semtune dump`: the documents of an index as a file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from semtune.cli.console import JSON, Console
from semtune.cli.index_options import INDEX


def dump(
    index: Annotated[Path, INDEX],
    out: Annotated[Path, typer.Option("-o", "--out", help="The file to write: .jsonl, or .jsonl.gz to be packed.")],
    vectors: Annotated[
        Path | None, typer.Option("--vectors", help="A .npy file for the vectors, in the same order.")
    ] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Write all documents of an index as lines of JSON, and its vectors as an array."""
    from semtune import api

    console = Console(as_json)
    with console.progress() as progress:
        done = api.dump(index, out, vectors=vectors, progress=progress)
    console.say(f"{done.path}: {done.count:,} documents" + (f", vectors in {done.vectors}" if done.vectors else ""))
    console.document(asdict(done))
