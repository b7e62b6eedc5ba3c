"""`semtune add`: more documents for an index."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semtune.cli.console import JSON, RUNTIME, Console
from semtune.cli.index_options import INDEX, MODEL, UNREADABLE, cut_documents, say_left_out

if TYPE_CHECKING:
    from semtune.api.index_results import IndexChange

SHOWN = 5  # files


def add(
    index: Annotated[Path, INDEX],
    source: Annotated[Path, typer.Argument(help="A file, folder, table, archive, data set or corpus.jsonl.")],
    model: Annotated[str | None, MODEL] = None,
    replace_others: Annotated[
        bool, typer.Option("--replace-others", help="Replace documents of other files that have the same ids.")
    ] = False,
    allow_unreadable: Annotated[bool, UNREADABLE] = False,
    runtime: Annotated[str, RUNTIME] = "auto",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Add documents to an index, or replace those with the same ids; only what changed is encoded."""
    from semtune import api

    console = Console(as_json)
    with console.progress() as progress:
        done = api.add(
            index, source, model=model, runtime=runtime, replace_others=replace_others,
            allow_unreadable=allow_unreadable, progress=progress,
        )  # fmt: skip
    say_change(console, index, done)
    console.document(done.as_dict())


def say_change(console: Console, index: Path, done: IndexChange) -> None:
    """Tell a person what changed in an index."""
    deleted = f", {done.deleted:,} deleted" if done.deleted else ""
    console.say(
        f"{index}: {done.added:,} added, {done.updated:,} updated, {done.unchanged:,} unchanged{deleted}; "
        f"{done.count:,} documents now ({done.encoded:,} encoded, {done.seconds:.1f} s)"
    )
    if done.truncated:
        console.say(f"  {cut_documents(done.truncated, done.cut_tokens)}")
    if done.deleted_files:
        names = list(done.deleted_files)
        console.say(f"  deleted: documents of {', '.join(names[:SHOWN])}{' ...' if len(names) > SHOWN else ''}")
    if done.kept:
        console.say(f"  kept: {done.kept:,} documents whose file is there but could not be read")
    if done.elsewhere:
        console.say(f"  left alone: {done.elsewhere:,} documents that did not come from there")
    say_left_out(console, done.left_out, done.warnings)
