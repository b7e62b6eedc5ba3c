"""`semtune rollback`: the version before the last upgrade is searched again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from semtune.cli.console import JSON, Console
from semtune.cli.index_options import INDEX


def rollback(
    index: Annotated[Path, INDEX],
    model: Annotated[str | None, typer.Option("--model", help="Where the model of the version before is now.")] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Go back to the version before the last upgrade; a second time undoes the first."""
    from semtune import api

    console = Console(as_json)
    with console.progress() as progress:
        done = api.rollback(index, model=model, progress=progress)
    taken = f"; {done.caught_up:,} documents written since then were taken over" if done.caught_up else ""
    console.say(f"{index}: {done.model_before} → {done.model}, {done.count:,} documents{taken}")
    console.document({"path": str(index), **asdict(done)})
