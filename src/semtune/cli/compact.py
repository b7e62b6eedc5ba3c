"""`semtune compact`: an index in the form that is searched fastest."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from semtune.cli.console import JSON, Console
from semtune.cli.index_options import INDEX


def compact(index: Annotated[Path, INDEX], as_json: Annotated[bool, JSON] = False) -> None:
    """Bring an index into the form that is searched fastest, and drop what was deleted."""
    from semtune import api

    console = Console(as_json)
    with console.progress() as progress:
        made = api.compact(index, progress=progress)
    console.say(f"{index}: {made.count:,} documents, {made.index_type} in {made.backend}")
    console.document({"path": str(index), **asdict(made)})
