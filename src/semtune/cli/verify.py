"""`semtune verify`: is an index whole?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from semtune.cli.console import JSON, Console
from semtune.cli.index_options import INDEX


def verify(index: Annotated[Path, INDEX], as_json: Annotated[bool, JSON] = False) -> None:
    """Check everything that is stored of an index; exit code 1 if something is wrong."""
    from semtune import api

    console = Console(as_json)
    found = api.verify(index)
    console.say(f"{index}: nothing is wrong; {found.count:,} documents" if found.ok else f"{index}: damaged")
    for problem in found.problems:
        console.say(f"  {problem}")
    for warning in found.warnings:
        console.say(f"  warning: {warning}")
    console.document(asdict(found))
    if not found.ok:
        raise typer.Exit(1)
