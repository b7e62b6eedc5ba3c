"""`semtune sync`: an index takes over the state of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from semtune.cli.add import say_change
from semtune.cli.console import JSON, RUNTIME, Console
from semtune.cli.index_options import INDEX, MODEL, UNREADABLE


def sync(
    index: Annotated[Path, INDEX],
    folder: Annotated[Path, typer.Argument(help="The folder, table or data set that the index was built from.")],
    model: Annotated[str | None, MODEL] = None,
    allow_many_deletions: Annotated[
        bool, typer.Option("--allow-many-deletions", help="Go on where more than half of the index would be deleted.")
    ] = False,
    allow_unreadable: Annotated[bool, UNREADABLE] = False,
    runtime: Annotated[str, RUNTIME] = "auto",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Take over the new, changed and removed files of a folder; only what changed is encoded."""
    from semtune import api

    console = Console(as_json)
    with console.progress() as progress:
        done = api.sync(
            index, folder, model=model, runtime=runtime, allow_many_deletions=allow_many_deletions,
            allow_unreadable=allow_unreadable, progress=progress,
        )  # fmt: skip
    say_change(console, index, done)
    console.document(done.as_dict())
