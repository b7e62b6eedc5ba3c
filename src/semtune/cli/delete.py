"""`semtune delete`: documents leave an index."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from semtune.cli.console import JSON, Console
from semtune.cli.index_options import IDS, INDEX

SHOWN = 5  # missing ids


def delete(
    index: Annotated[Path, INDEX],
    ids: Annotated[list[str] | None, IDS] = None,
    where: Annotated[
        str | None, typer.Option("--where", help="Delete what passes a filter: 'lang=de and year<2020'.")
    ] = None,
    ids_file: Annotated[Path | None, typer.Option("--ids-file", help="A file with an id on each line.")] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Delete documents from an index, by id or by a filter."""
    from semtune import api

    console = Console(as_json)
    done = api.delete(index, [*(ids or []), *(_lines(ids_file) if ids_file else [])], where=where)
    console.say(f"{index}: {done.deleted:,} deleted; {done.count:,} documents now")
    if done.missing:
        more = " ..." if len(done.missing) > SHOWN else ""
        shown = ", ".join(map(repr, done.missing[:SHOWN]))
        console.say(f"  not in the index: {len(done.missing):,} ids ({shown}{more})")
    console.document(asdict(done))


def _lines(file: Path) -> list[str]:
    """The ids of a file, one a line; white space within and around an id belongs to it."""
    from semtune.errors import InputError

    try:
        return [line for line in file.read_text(encoding="utf-8").split("\n") if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{file} cannot be read ({error}). Give a text file in UTF-8 with an id on each line."
        ) from None
