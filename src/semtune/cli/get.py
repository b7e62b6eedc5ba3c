"""`semtune get`: documents of an index by id."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from semtune.cli.console import JSON, Console
from semtune.cli.index_options import IDS, INDEX


def get(
    index: Annotated[Path, INDEX],
    ids: Annotated[list[str], IDS],
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Show documents of an index by id."""
    from semtune import api

    console = Console(as_json)
    found = api.get(index, ids)
    for document in found.documents:
        console.say(f"{document.id}  {document.title}".rstrip())
        console.say(document.text)
        for name, value in document.metadata.items():
            console.say(f"  {name}: {value}")
        console.say()
    for id_ in found.missing:
        console.say(f"not in the index: {id_!r}")
    console.document(asdict(found))
